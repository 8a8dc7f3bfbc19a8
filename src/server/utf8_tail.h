// Text that is cut anywhere, in characters: what a piece leaves incomplete at its end waits for the
// next one.
#pragma once

#include <string>
#include <string_view>

namespace llama_swap::server {

class Utf8Tail {
 public:
  // What was held back and `piece`, without an incomplete character (at most 3 bytes) at the end.
  // Bytes that begin no character are not held back.
  std::string next(std::string_view piece);

 private:
  std::string held_;
};

}  // namespace llama_swap::server
