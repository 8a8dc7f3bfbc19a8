#include "net/awaitable.h"

#include <array>
#include <new>

namespace llama_swap::net {
namespace detail {
namespace {

constexpr std::size_t kStep = 64;       // sizes are rounded up to multiples of this
constexpr std::size_t kLargest = 2048;  // larger frames are rare
constexpr unsigned kKept = 64;          // frames of a size; they end with the thread
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kRecycle = false;  // or a sanitizer would not see the use of a frame that has ended
#else
constexpr bool kRecycle = true;
#endif

struct Free {
  Free* next;
};

struct UsedFrames {
  struct OfSize {
    Free* first = nullptr;
    unsigned count = 0;
  };
  ~UsedFrames() {
    for (OfSize& list : sizes)
      while (list.first) ::operator delete(std::exchange(list.first, list.first->next));
  }
  std::array<OfSize, kLargest / kStep + 1> sizes;
};

thread_local UsedFrames used_frames;

constexpr std::size_t index_of(std::size_t size) {
  return (size + kStep - 1) / kStep;
}

}  // namespace

void* allocate_frame(std::size_t size) {
  if (!kRecycle || size > kLargest) return ::operator new(size);
  UsedFrames::OfSize& list = used_frames.sizes[index_of(size)];
  if (!list.first) return ::operator new(index_of(size) * kStep);
  --list.count;
  return std::exchange(list.first, list.first->next);
}

void free_frame(void* frame, std::size_t size) noexcept {
  if (kRecycle && size <= kLargest) {
    UsedFrames::OfSize& list = used_frames.sizes[index_of(size)];
    if (list.count < kKept) {
      ++list.count;
      list.first = ::new (frame) Free{list.first};
      return;
    }
  }
  ::operator delete(frame);
}

namespace {

Root run(Awaitable<void> work) {
  co_await work;
}

}  // namespace
}  // namespace detail

void spawn(boost::asio::io_context& loop, Awaitable<void> work) {
  const std::coroutine_handle<> root = detail::run(std::move(work)).frame;
  boost::asio::dispatch(loop,
                        [sleeper = detail::Sleeper(root, root)]() mutable { sleeper.wake(); });
}

}  // namespace llama_swap::net
