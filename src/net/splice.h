// Changes of a body on its way through: what is sent in place of some of its bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace llama_swap::net {

// [offset, offset + length) of the body becomes `text`.
struct Splice {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::string text;
  bool operator==(const Splice&) const = default;
};
using Splices = std::vector<Splice>;  // in order, not overlapping

}  // namespace llama_swap::net
