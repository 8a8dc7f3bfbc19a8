// What the fuzz targets share. A target is one function over bytes that returns 0, or dies where a
// promise is broken.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace llama_swap::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void require(bool promise, const char* what) {
  if (promise) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

// Cuts `text` into pieces of lengths that depend on its content only, mostly short, and calls
// `use(piece)` with each, in memory of its own, so that a sanitizer sees a parser that reads past
// its piece.
template <class Use>
void in_pieces(std::string_view text, Use use) {
  std::uint32_t state = static_cast<std::uint32_t>(text.size()) * 2654435761U + 1;
  while (!text.empty()) {
    state = state * 1664525U + 1013904223U + static_cast<unsigned char>(text.front());
    const std::size_t length =
        std::min<std::size_t>(text.size(), 1 + (state >> 16) % ((state >> 28) < 3 ? 64 : 5));
    const std::string piece(text.substr(0, length));
    use(std::string_view(piece));
    text.remove_prefix(length);
  }
}

}  // namespace llama_swap::fuzz
