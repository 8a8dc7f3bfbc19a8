// What was captured, by the id of its row in the activity database (http-api 21.4), with the model
// that the row names: the sum of the sizes is bounded, the oldest go first. In memory only. One
// thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace llama_swap::store {

using Packed = std::shared_ptr<const std::string>;  // shared with those who are reading it

class CaptureBuffer {
 public:
  // In bytes; 0: nothing is kept. What is over a smaller limit goes at once.
  void set_limit(std::uint64_t bytes);
  std::uint64_t limit() const { return limit_; }

  // Lets go of the oldest until it fits. One that never fits is not kept, and drives out nobody.
  void put(std::int64_t id, std::string packed, std::string model = {});
  // Null: it is not there (any more).
  Packed find(std::int64_t id) const;
  // The same; until the next change of the buffer.
  const std::string* model_of(std::int64_t id) const;
  void clear();

  std::uint64_t bytes() const { return bytes_; }
  std::size_t size() const { return captures_.size(); }

 private:
  struct Kept {
    Packed packed;
    std::string model;
  };
  void shrink_to(std::uint64_t bytes);

  std::map<std::int64_t, Kept> captures_;  // ids grow
  std::uint64_t bytes_ = 0;
  std::uint64_t limit_ = 0;
};

}  // namespace llama_swap::store
