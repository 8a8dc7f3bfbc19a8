#include "usage/json_numbers.h"

#include <charconv>
#include <ranges>

#include "util/json_walk.h"

namespace llama_swap::usage {

using util::json::ends_scalar;
using util::json::find_string_end;
using util::json::find_structure;
using util::json::is_space;

namespace {

// A name may be empty, but stands somewhere.
bool is_top(std::string_view parent) {
  return parent.data() == nullptr;
}

}  // namespace

JsonNumbers::JsonNumbers(std::string_view text) : rest_(text) {
  skip_space();
  is_object_ = take_object({});
  skip_space();
  is_object_ = is_object_ && rest_.empty();
  if (!is_object_) entries_.clear();
}

std::optional<double> JsonNumbers::find(std::string_view parent, std::string_view name) const {
  for (const Entry& entry : entries_ | std::views::reverse) {
    if (is_top(entry.parent) != is_top(parent)) {
      // The last of that name; what was in one before does not count.
      if (is_top(entry.parent) && entry.name == parent) break;
    } else if (entry.name == name && entry.parent == parent) {
      return entry.value;
    }
  }
  return std::nullopt;
}

void JsonNumbers::skip_space() {
  while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
}

bool JsonNumbers::take(char c) {
  skip_space();
  if (!rest_.starts_with(c)) return false;
  rest_.remove_prefix(1);
  return true;
}

// The text stands after its first quote.
bool JsonNumbers::take_text(std::string_view& text) {
  const char* const begin = rest_.data();
  const char* const end = begin + rest_.size();
  const char* p = begin;
  for (;;) {
    p = find_string_end(p, end);
    if (end - p < (p != end && *p == '\\' ? 2 : 1)) return false;
    if (*p == '"') break;
    p += 2;
  }
  text = {begin, p};
  rest_ = {p + 1, end};
  return true;
}

bool JsonNumbers::take_object(std::string_view parent) {
  if (!take('{')) return false;
  if (take('}')) return true;
  do {
    std::string_view name;
    if (!take('"') || !take_text(name) || !take(':')) return false;
    if (!take_value(parent, name)) return false;
  } while (take(','));
  return take('}');
}

bool JsonNumbers::take_value(std::string_view parent, std::string_view name) {
  skip_space();
  std::optional<double> ignored;
  const bool counts = entries_.size() < kMax;
  std::optional<double>& number =
      counts ? entries_.emplace_back(Entry{parent, name, {}}).value : ignored;
  std::string_view text;
  if (take('"')) return take_text(text);
  if (rest_.starts_with('{') && is_top(parent)) return take_object(name);
  if (rest_.starts_with('{') || rest_.starts_with('[')) return skip_container();
  return take_scalar(number);
}

bool JsonNumbers::take_scalar(std::optional<double>& number) {
  std::size_t length = 0;
  while (length < rest_.size() && !ends_scalar(rest_[length])) ++length;
  const std::string_view token = rest_.substr(0, length);
  rest_.remove_prefix(length);
  const std::string_view digits = token.substr(token.starts_with('-') ? 1 : 0);
  // Else "-nan" and "-inf" would be numbers, too.
  if (!digits.empty() && digits.front() >= '0' && digits.front() <= '9') {
    double value = 0;
    const auto [end, error] = std::from_chars(token.begin(), token.end(), value);
    if (end != token.end()) return false;
    if (error == std::errc()) number = value;
  } else if (token != "null" && token != "true" && token != "false") {
    return false;
  }
  return true;
}

bool JsonNumbers::skip_container() {
  const char* p = rest_.data();
  const char* const end = p + rest_.size();
  std::size_t depth = 0;
  for (;;) {
    p = find_structure(p, end);
    if (p == end) return false;
    const char c = *p++;
    if (c == '"') {
      std::string_view text;
      rest_ = {p, end};
      if (!take_text(text)) return false;
      p = rest_.data();
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (--depth == 0) {
      break;
    }
  }
  rest_ = {p, end};
  return true;
}

}  // namespace llama_swap::usage
