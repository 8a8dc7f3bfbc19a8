// Numbers that are not given twice: names of requests and spans.
#pragma once

#include <cstdint>
#include <string>

namespace llama_swap::util {

// Each number once in 2^64, in an order that looks like chance (SplitMix64), from a start that the
// kernel draws; not secret. A number costs about a nanosecond. One thread at a time.
class UniqueIds {
 public:
  UniqueIds();                                                // throws std::system_error
  explicit UniqueIds(std::uint64_t start) : state_(start) {}  // for tests

  std::uint64_t next();

 private:
  std::uint64_t state_;
};

// Appends 16 hexadecimal digits, in lower case.
void append_hex(std::string& out, std::uint64_t number);

}  // namespace llama_swap::util
