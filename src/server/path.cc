#include "server/path.h"

#include <algorithm>

#include "util/percent.h"
#include "util/text.h"

namespace llama_swap::server {

std::string encode_path(std::string_view text) {
  return util::percent_encode(text, "/-_.~:@!$&'()*+,=");
}

std::optional<std::size_t> prefix_length(std::string_view escaped, std::string_view plain) {
  std::size_t at = 0;
  // The next character, decoded, and how much of `escaped` it takes.
  const auto next = [&](std::size_t& length) {
    const std::string_view piece = escaped.substr(at, 3);
    const std::string decoded = util::percent_decode(piece);
    length = piece.size() == 3 && decoded.size() == 1 ? 3 : 1;
    return decoded[0];
  };
  std::size_t length = 0;
  for (const char c : plain) {
    if (at >= escaped.size() || next(length) != c) return std::nullopt;
    at += length;
  }
  if (at < escaped.size() && next(length) != '/') return std::nullopt;
  return at;
}

bool climbs(std::string_view path) {
  for (std::size_t at = 0; at <= path.size();) {
    const auto end = std::min(path.find_first_of("/\\", at), path.size());
    if (path.substr(at, end - at) == "..") return true;
    at = end + 1;
  }
  return false;
}

}  // namespace llama_swap::server
