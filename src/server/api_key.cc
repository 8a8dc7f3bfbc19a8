#include "server/api_key.h"

#include <cstdint>

#include "util/text.h"

namespace llama_swap::server {
namespace {

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

}  // namespace

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  return out;
}

std::string shown_key(const net::RequestHead& head) {
  if (const std::string_view* authorization = head.find("Authorization")) {
    const auto space = authorization->find(' ');
    if (space != std::string_view::npos) {
      const std::string_view scheme = authorization->substr(0, space);
      const std::string_view credentials = authorization->substr(space + 1);
      if (util::iequals(scheme, "Bearer") && !credentials.empty()) return std::string(credentials);
      if (util::iequals(scheme, "Basic")) {
        const auto text = base64_decode(credentials);
        const auto colon = text ? text->find(':') : std::string::npos;
        if (colon != std::string::npos && colon + 1 < text->size()) return text->substr(colon + 1);
      }
    }
  }
  const std::string_view* key = head.find("x-api-key");
  return key ? std::string(*key) : "";
}

}  // namespace llama_swap::server
