#include "util/recycled.h"

#include <array>
#include <new>
#include <utility>

namespace llama_swap::util {
namespace {

constexpr std::size_t kStep = 64;       // sizes are rounded up to multiples of this
constexpr std::size_t kLargest = 4096;  // larger ones are rare
constexpr unsigned kKept = 64;          // of a size; they end with the thread
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kRecycle = false;  // or a sanitizer would not see the use of what has ended
#else
constexpr bool kRecycle = true;
#endif

struct Free {
  Free* next;
};

struct Used {
  struct OfSize {
    Free* first = nullptr;
    unsigned count = 0;
  };
  ~Used() {
    for (OfSize& list : sizes)
      while (list.first) ::operator delete(std::exchange(list.first, list.first->next));
  }
  std::array<OfSize, kLargest / kStep + 1> sizes;
};

thread_local Used used;

constexpr std::size_t index_of(std::size_t size) {
  return (size + kStep - 1) / kStep;
}

}  // namespace

void* allocate_recycled(std::size_t size) {
  if (!kRecycle || size > kLargest) return ::operator new(size);
  Used::OfSize& list = used.sizes[index_of(size)];
  if (!list.first) return ::operator new(index_of(size) * kStep);
  --list.count;
  return std::exchange(list.first, list.first->next);
}

void free_recycled(void* memory, std::size_t size) noexcept {
  if (kRecycle && size <= kLargest) {
    Used::OfSize& list = used.sizes[index_of(size)];
    if (list.count < kKept) {
      ++list.count;
      list.first = ::new (memory) Free{list.first};
      return;
    }
  }
  ::operator delete(memory);
}

}  // namespace llama_swap::util
