// A request body on its way through: in memory up to a bound, beyond it in an unlinked temporary
// file. Can be read from the start any number of times. I/O thread only; file work is done by the
// worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.h"
#include "net/worker.h"
#include "util/result.h"

namespace llama_swap::net {

// What all bodies together may keep in memory, and the recycled buffers: giving megabytes back to
// the kernel and faulting them in again costs more than copying into them.
class BodyMemory {
 public:
  explicit BodyMemory(std::uint64_t limit) : limit_(limit) {}
  BodyMemory(const BodyMemory&) = delete;
  BodyMemory& operator=(const BodyMemory&) = delete;

  static constexpr std::size_t kSmall = 64 << 10;

  struct Buffer {
    std::unique_ptr<char[]> bytes;
    std::size_t capacity = 0;
  };
  // At least `size` bytes; an empty buffer when that would go over the limit. Up to kSmall is
  // always granted.
  Buffer take(std::size_t size);
  void give_back(Buffer buffer);
  // Lets go of the recycled buffers (to be called when things have been quiet).
  void trim();

  void set_limit(std::uint64_t limit) { limit_ = limit; }
  std::uint64_t used() const { return used_; }

 private:
  static constexpr std::uint64_t kMaxRecycled = std::uint64_t{64} << 20;
  static constexpr std::size_t kMaxRecycledBuffers = 256;

  std::uint64_t limit_;
  std::uint64_t used_ = 0;      // handed out
  std::uint64_t recycled_ = 0;  // in free_
  std::vector<Buffer> free_;
};

class Body {
 public:
  static constexpr std::size_t kMaxInMemory = 32 << 20;

  // Both must outlive the body.
  Body(BodyMemory& memory, Worker& worker) : memory_(memory), worker_(worker) {}
  ~Body();
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  // Room for the next piece, never empty; the caller writes into it and then says how much of it
  // counts. `expected`: the size of the whole body if known (a hint), so that one allocation is
  // enough.
  std::span<char> prepare(std::uint64_t expected);
  // Errors: io (the temporary file cannot be written).
  Awaitable<util::Result<void>> commit(std::size_t size);

  std::uint64_t size() const { return in_file_ + size_; }
  bool in_memory() const { return in_file_ == 0; }
  // The whole body if it is in memory; else the part that has not gone to the file yet.
  std::string_view memory() const { return {buffer_.bytes.get(), size_}; }
  // Copies from `offset` on into `out`; the number of bytes, 0 at the end. Errors: io.
  Awaitable<util::Result<std::size_t>> read(std::uint64_t offset, std::span<char> out) const;

 private:
  bool grow();
  Awaitable<util::Result<void>> flush();

  BodyMemory& memory_;
  Worker& worker_;
  BodyMemory::Buffer buffer_;
  std::size_t size_ = 0;       // bytes in buffer_
  std::uint64_t in_file_ = 0;  // bytes in file_, all before those in buffer_
  bool to_file_ = false;
  int file_ = -1;
};

// All of it. The body must outlive the awaitable. Errors: io.
Awaitable<util::Result<std::string>> read_whole(const Body& body);

}  // namespace llama_swap::net
