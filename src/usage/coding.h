// One content coding: the libraries behind one interface.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace llama_swap::usage {

class Coding {
 public:
  virtual ~Coding() = default;

  // Takes bytes off the front of `in`, and returns how many it has written to `out`. 0: it wants
  // more than `in`, which is empty now; or it has failed. What follows the end of the body is taken
  // and ignored, unless it begins as another one (gzip, zstd: RFC 1952 2.2, RFC 8878 3.1).
  virtual std::size_t decode(std::string_view& in, std::span<char> out) = 0;

  // "" while all is well.
  const std::string& fault() const { return fault_; }
  // The body was whole, up to what has been taken.
  bool ended() const { return ended_; }

 protected:
  bool ended_ = false;
  std::string fault_;
};

// For a content coding in lower case; null if it is not known.
std::unique_ptr<Coding> make_coding(std::string_view name);

}  // namespace llama_swap::usage
