// The last N bytes of something endless. Memory is taken at the first write. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace llama_swap::util {

class ByteRing {
 public:
  explicit ByteRing(std::size_t capacity) : capacity_(capacity) {}

  void write(std::string_view data) {
    if (!bytes_) bytes_ = std::make_unique<char[]>(capacity_);
    if (data.size() > capacity_) data.remove_prefix(data.size() - capacity_);
    const std::size_t first = std::min(data.size(), capacity_ - next_);
    std::memcpy(bytes_.get() + next_, data.data(), first);
    std::memcpy(bytes_.get(), data.data() + first, data.size() - first);
    next_ = (next_ + data.size()) % capacity_;
    size_ = std::min(capacity_, size_ + data.size());
  }

  // Oldest byte first. May start in the middle of a line.
  std::string text() const {
    std::string out;
    if (size_ == 0) return out;
    out.reserve(size_);
    const std::size_t begin = (next_ + capacity_ - size_) % capacity_;
    const std::size_t first = std::min(size_, capacity_ - begin);
    out.append(bytes_.get() + begin, first);
    out.append(bytes_.get(), size_ - first);
    return out;
  }

  std::size_t size() const { return size_; }

 private:
  const std::size_t capacity_;
  std::unique_ptr<char[]> bytes_;
  std::size_t next_ = 0;
  std::size_t size_ = 0;
};

}  // namespace llama_swap::util
