#include "net/body.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace llama_swap::net {
namespace {

constexpr std::size_t kFirst = 4 << 10;  // of a body of unknown size
constexpr std::size_t kLeast = 512;
constexpr std::size_t kRound = 64 << 10;

std::size_t capacity_for(std::size_t size) {
  return size <= kRound ? std::bit_ceil(size) : (size + kRound - 1) / kRound * kRound;
}

// An unlinked file in $TMPDIR or /tmp; -1 with errno.
int open_temporary() {
  const char* dir = std::getenv("TMPDIR");
  if (dir == nullptr || *dir == 0) dir = "/tmp";
  const int fd = ::open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  std::string name =
      std::string(dir) + "/llama-swap-body-XXXXXX";  // a file system without O_TMPFILE
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

// errno, or 0.
int write_all(int fd, std::string_view data, std::uint64_t offset) {
  while (!data.empty()) {
    const ssize_t n = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    data.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return 0;
}

}  // namespace

BodyMemory::Buffer BodyMemory::take(std::size_t size) {
  if (size > kSmall && used_ + size > limit_) return {};
  // The newest that fits and is not far too large for it.
  const auto fits = [size](const Buffer& b) {
    return b.capacity >= size && b.capacity / 4 <= size;
  };
  const auto found = std::find_if(free_.rbegin(), free_.rend(), fits);
  Buffer buffer;
  if (found != free_.rend()) {
    buffer = std::move(*found);
    free_.erase(std::next(found).base());
    recycled_ -= buffer.capacity;
  } else {
    const std::size_t capacity = capacity_for(size);
    buffer = {std::make_unique_for_overwrite<char[]>(capacity), capacity};
  }
  used_ += buffer.capacity;
  return buffer;
}

void BodyMemory::give_back(Buffer buffer) {
  used_ -= buffer.capacity;
  if (recycled_ + buffer.capacity > kMaxRecycled || free_.size() >= kMaxRecycledBuffers) return;
  recycled_ += buffer.capacity;
  free_.push_back(std::move(buffer));
}

void BodyMemory::trim() {
  free_.clear();
  recycled_ = 0;
}

Body::~Body() {
  if (buffer_.bytes) memory_.give_back(std::move(buffer_));
  if (file_ >= 0) ::close(file_);
}

std::span<char> Body::prepare(std::uint64_t expected) {
  if (!buffer_.bytes) {
    to_file_ = expected > kMaxInMemory;
    // One byte more, so that there is room to find the end.
    const std::size_t wanted =
        expected == 0 ? kFirst : std::max(kLeast, static_cast<std::size_t>(expected) + 1);
    if (!to_file_) buffer_ = memory_.take(wanted);
    if (!buffer_.bytes) {
      to_file_ = true;
      buffer_ = memory_.take(BodyMemory::kSmall);
    }
  }
  return {buffer_.bytes.get() + size_, buffer_.capacity - size_};
}

Awaitable<util::Result<void>> Body::commit(std::size_t size) {
  size_ += size;
  if (size_ < buffer_.capacity) return ready(util::Result<void>{});
  if (!to_file_ && !grow()) to_file_ = true;
  if (to_file_) return flush();
  return ready(util::Result<void>{});
}

bool Body::grow() {
  if (buffer_.capacity >= kMaxInMemory) return false;
  BodyMemory::Buffer next = memory_.take(buffer_.capacity * 2);
  if (!next.bytes) return false;
  std::memcpy(next.bytes.get(), buffer_.bytes.get(), size_);
  std::swap(buffer_, next);
  memory_.give_back(std::move(next));
  return true;
}

Awaitable<util::Result<void>> Body::flush() {
  int error = 0;
  auto work = [this, &error] {
    if (file_ < 0) file_ = open_temporary();
    error = file_ < 0 ? errno : write_all(file_, memory(), in_file_);
  };
  co_await run(worker_, work);
  if (error != 0)
    co_return util::fail_errno(error, "cannot keep the request body in a temporary file");
  in_file_ += size_;
  size_ = 0;
  co_return util::Result<void>{};
}

Awaitable<util::Result<std::size_t>> Body::read(std::uint64_t offset, std::span<char> out) const {
  if (offset >= in_file_) {
    const std::string_view rest =
        memory().substr(std::min<std::uint64_t>(offset - in_file_, size_));
    const std::size_t n = std::min(rest.size(), out.size());
    std::memcpy(out.data(), rest.data(), n);
    co_return n;
  }
  ssize_t n = 0;
  int error = 0;
  auto work = [&, this] {
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), in_file_ - offset));
    do {
      n = ::pread(file_, out.data(), want, static_cast<off_t>(offset));
    } while (n < 0 && errno == EINTR);
    error = n < 0 ? errno : 0;
  };
  co_await run(worker_, work);
  if (error != 0) co_return util::fail_errno(error, "cannot read the kept request body");
  co_return static_cast<std::size_t>(n);
}

Awaitable<util::Result<std::string>> read_whole(const Body& body) {
  std::string text(static_cast<std::size_t>(body.size()), '\0');
  for (std::size_t at = 0; at < text.size();) {
    const auto n = co_await body.read(at, {text.data() + at, text.size() - at});
    if (!n) co_return tl::unexpected(n.error());
    if (*n == 0) co_return util::fail(util::Errc::io, "the kept request body is short");
    at += *n;
  }
  co_return text;
}

}  // namespace llama_swap::net
