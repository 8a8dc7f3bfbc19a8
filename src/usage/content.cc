#include "usage/content.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace llama_swap::usage {
namespace {

constexpr std::array<std::string_view, 11> kNames{
    "content",   "text",         "delta",   "reasoning_content", "reasoning",  "thinking",
    "arguments", "partial_json", "refusal", "generated_text",    "transcript",
};

}  // namespace

bool carries_content(std::string_view json) {
  constexpr std::string_view kAfterName = "\":";
  for (std::size_t at = json.find(kAfterName); at != std::string_view::npos;
       at = json.find(kAfterName, at + 2)) {
    const std::size_t value = json.find_first_not_of(' ', at + 2);
    if (value == std::string_view::npos || value + 1 == json.size()) return false;
    if (json[value] != '"' || json[value + 1] == '"') continue;
    const std::string_view before = json.substr(0, at);
    const std::string_view name = before.substr(before.rfind('"') + 1);
    if (std::ranges::find(kNames, name) != kNames.end()) return true;
  }
  return false;
}

}  // namespace llama_swap::usage
