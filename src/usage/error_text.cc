#include "usage/error_text.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "util/text.h"

namespace llama_swap::usage {
namespace {

using nlohmann::json;

// In the order of preference.
constexpr std::array<Member, 4> kWanted{{
    {"error", "message"},
    {"", "error"},
    {"", "message"},
    {"", "detail"},
}};
constexpr std::size_t kMaxText = 500;

// At most `size` bytes, without the first half of a character.
std::string_view cut(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (text[size] & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

// The string that `raw` is the JSON text of. Without its closing quote it may end within an escape
// or a character: then what makes no sense there is left out.
std::optional<std::string> decoded(std::string_view raw) {
  if (!raw.starts_with('"')) return std::nullopt;
  json value = json::parse(raw, nullptr, false);
  constexpr std::size_t kLongestEscape = 12;  // of two surrogates
  for (std::size_t i = 0; i < kLongestEscape && !value.is_string() && raw.size() > 1; ++i) {
    value = json::parse(std::string(raw) + '"', nullptr, false);
    raw.remove_suffix(1);
  }
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

}  // namespace

ErrorText::ErrorText() : members_(kWanted) {}

void ErrorText::feed(std::string_view piece) {
  piece = piece.substr(0, kMaxBody - seen_);
  seen_ += piece.size();
  members_.feed(piece);
}

std::string ErrorText::text() const {
  for (std::size_t i = 0; i < kWanted.size(); ++i) {
    const auto whole = decoded(members_.text(i));
    if (!whole) continue;
    const std::string_view text = util::trim(*whole);
    if (text.empty()) continue;
    const std::string_view short_text = cut(text, kMaxText);
    return std::string(short_text) + (short_text.size() < text.size() ? "..." : "");
  }
  return "";
}

std::string status_text(int status, std::string_view reason) {
  const std::string number = std::to_string(status);
  return reason.empty() ? "HTTP " + number : number + " " + std::string(reason);
}

}  // namespace llama_swap::usage
