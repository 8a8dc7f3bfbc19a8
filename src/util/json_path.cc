#include "util/json_path.h"

#include <charconv>

namespace llama_swap::util {
namespace {

std::optional<std::size_t> index_value(std::string_view digits) {
  std::size_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (digits.empty() || error != std::errc() || stop != end || value > kMaxJsonIndex)
    return std::nullopt;
  return value;
}

// Takes a step and the '.' behind it off the front of `rest`.
Result<JsonStep> take_step(std::string_view& rest, bool& last) {
  JsonStep step;
  bool is_name = false;
  if (rest.starts_with(':')) {
    is_name = true;
    rest.remove_prefix(1);
  }
  last = true;
  while (!rest.empty()) {
    char c = rest.front();
    rest.remove_prefix(1);
    if (c == '.') {
      last = false;
      break;
    }
    if (std::string_view("|#@*?").find(c) != std::string_view::npos)
      return fail(Errc::invalid, std::string("patterns are not supported: write \\") + c +
                                     " for the character itself");
    if (c == '\\') {
      if (rest.empty()) break;
      is_name = true;
      c = rest.front();
      rest.remove_prefix(1);
    }
    step.name += c;
  }
  if (!is_name) {
    step.index = index_value(step.name);
    step.at_end = step.name == "-1";
  }
  return step;
}

}  // namespace

Result<JsonPath> parse_json_path(std::string_view key) {
  if (key.empty()) return fail(Errc::invalid, "a parameter needs a name");
  JsonPath path;
  for (bool last = false; !last;) {
    auto step = take_step(key, last);
    if (!step) return tl::unexpected(step.error());
    path.push_back(std::move(*step));
  }
  return path;
}

}  // namespace llama_swap::util
