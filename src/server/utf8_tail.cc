#include "server/utf8_tail.h"

namespace llama_swap::server {
namespace {

std::size_t length_from(unsigned char first) {
  if (first >= 0xf0 && first < 0xf8) return 4;
  if (first >= 0xe0) return first < 0xf0 ? 3 : 1;
  return first >= 0xc0 ? 2 : 1;
}

// Bytes at the end that are the beginning of a longer character.
std::size_t incomplete(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;  // inside a character
    return length_from(byte) > back ? back : 0;
  }
  return 0;
}

}  // namespace

std::string Utf8Tail::next(std::string_view piece) {
  std::string out = held_;
  out += piece;
  const std::size_t open = incomplete(out);
  held_ = out.substr(out.size() - open);
  out.resize(out.size() - open);
  return out;
}

}  // namespace llama_swap::server
