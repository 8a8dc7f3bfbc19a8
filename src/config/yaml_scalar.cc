#include "config/yaml_scalar.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include "config/report.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";

template <std::size_t N>
bool one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, text) != words.end();
}

bool is_null_word(std::string_view text) {
  return one_of(text, std::array<std::string_view, 5>{"", "~", "null", "Null", "NULL"});
}
bool is_true_word(std::string_view text) {
  return one_of(text, std::array<std::string_view, 3>{"true", "True", "TRUE"});
}
bool is_false_word(std::string_view text) {
  return one_of(text, std::array<std::string_view, 3>{"false", "False", "FALSE"});
}

struct Digits {
  bool negative = false;
  std::uint64_t magnitude = 0;
};

std::optional<Digits> digits_value(std::string_view text) {
  std::string plain(text);
  std::erase(plain, '_');
  std::string_view rest = plain;
  Digits out;
  if (rest.starts_with('-') || rest.starts_with('+')) {
    out.negative = rest.front() == '-';
    rest.remove_prefix(1);
  }
  int base = 10;
  if (rest.size() > 1 && rest.front() == '0') {
    const char mark = static_cast<char>(rest[1] | 0x20);  // lower case
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    rest.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  const auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), out.magnitude, base);
  if (rest.empty() || error != std::errc() || end != rest.data() + rest.size()) return std::nullopt;
  return out;
}

// Only what begins like a number may be one: "_1" and "e5" are strings.
bool begins_like_number(std::string_view text) {
  return !text.empty() && ((text.front() >= '0' && text.front() <= '9') || text.front() == '+' ||
                           text.front() == '-' || text.front() == '.');
}

// RFC 3339 text of a date or time; nothing: it is none.
std::optional<std::string> timestamp_text(std::string_view text) {
  if (text.size() < 8 || text[4] != '-') return std::nullopt;
  static const RE2 pattern(
      R"((\d{4})-(\d\d?)-(\d\d?)(?:[Tt](\d\d?):(\d\d?):(\d\d?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)|)"
      R"( (\d\d?):(\d\d?):(\d\d?)(?:\.(\d{1,9}))?)?)");
  std::array<std::string, 3> date;
  std::array<std::string, 5> zoned;  // hour, minute, second, fraction, zone
  std::array<std::string, 4> local;  // the same without a zone: taken as UTC
  if (!RE2::FullMatch(re2::StringPiece(text.data(), text.size()), pattern, &date[0], &date[1],
                      &date[2], &zoned[0], &zoned[1], &zoned[2], &zoned[3], &zoned[4], &local[0],
                      &local[1], &local[2], &local[3]))
    return std::nullopt;
  const bool is_local = !local[0].empty();
  const auto number = [](const std::string& digits) {
    return digits.empty() ? 0 : std::stoi(digits);
  };
  const int hour = number(is_local ? local[0] : zoned[0]);
  const int minute = number(is_local ? local[1] : zoned[1]);
  const int second = number(is_local ? local[2] : zoned[2]);
  const std::chrono::year_month_day day{std::chrono::year(number(date[0])),
                                        std::chrono::month(static_cast<unsigned>(number(date[1]))),
                                        std::chrono::day(static_cast<unsigned>(number(date[2])))};
  if (!day.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  std::string fraction = is_local ? local[3] : zoned[3];
  while (fraction.ends_with('0')) fraction.pop_back();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}{}{}", number(date[0]), number(date[1]),
                     number(date[2]), hour, minute, second, fraction.empty() ? "" : ".", fraction,
                     zoned[4].empty() ? "Z" : zoned[4]);
}

Tag resolve_plain(std::string_view text) {
  if (is_null_word(text)) return Tag::null;
  if (is_true_word(text) || is_false_word(text)) return Tag::boolean;
  if (!begins_like_number(text)) return Tag::string;
  if (timestamp_text(text)) return Tag::timestamp;
  // Beyond 64 bits a whole number is a float.
  if (const auto digits = digits_value(text); digits && text.front() != '.') {
    if (!digits->negative || digits->magnitude <= std::uint64_t{1} << 63) return Tag::integer;
  }
  return floating_value(text) ? Tag::floating : Tag::string;
}

}  // namespace

std::optional<Tag> resolve(std::string_view text, bool plain, std::string_view explicit_tag) {
  if (explicit_tag.empty()) return plain ? resolve_plain(text) : Tag::string;
  if (!explicit_tag.starts_with(kTagPrefix)) return Tag::string;
  const std::string_view name = explicit_tag.substr(kTagPrefix.size());
  const Tag found = resolve_plain(text);
  const auto fits = [&](bool yes, Tag tag) { return yes ? std::optional(tag) : std::nullopt; };
  if (name == "null") return fits(found == Tag::null, Tag::null);
  if (name == "bool") return fits(found == Tag::boolean, Tag::boolean);
  if (name == "int") return fits(found == Tag::integer, Tag::integer);
  if (name == "float") return fits(found == Tag::floating || found == Tag::integer, Tag::floating);
  if (name == "timestamp") return fits(found == Tag::timestamp, Tag::timestamp);
  return fits(name == "str" || name == "merge", Tag::string);
}

std::optional<std::int64_t> integer_value(std::string_view text) {
  const auto digits = digits_value(text);
  if (!digits) return std::nullopt;
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 63;
  if (digits->magnitude > kLimit || (digits->magnitude == kLimit && !digits->negative))
    return std::nullopt;
  // Negated as unsigned: -2^63 has no positive counterpart.
  return static_cast<std::int64_t>(digits->negative ? ~digits->magnitude + 1 : digits->magnitude);
}

std::optional<std::uint64_t> unsigned_value(std::string_view text) {
  const auto digits = digits_value(text);
  if (!digits || (digits->negative && digits->magnitude > 0)) return std::nullopt;
  return digits->magnitude;
}

std::optional<double> floating_value(std::string_view text) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (one_of(text, std::array<std::string_view, 3>{".nan", ".NaN", ".NAN"}))
    return std::numeric_limits<double>::quiet_NaN();
  std::string plain(text);
  std::erase(plain, '_');
  std::string_view rest = plain;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (one_of(rest, std::array<std::string_view, 3>{".inf", ".Inf", ".INF"}))
    return negative ? -kInfinity : kInfinity;
  static const RE2 pattern(R"((\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)");
  if (!RE2::FullMatch(re2::StringPiece(rest.data(), rest.size()), pattern)) {
    if (const auto digits = digits_value(text))
      return (digits->negative ? -1.0 : 1.0) * static_cast<double>(digits->magnitude);
    return std::nullopt;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error == std::errc::result_out_of_range) {
    if (rest.find("e-") == rest.npos && rest.find("E-") == rest.npos) return std::nullopt;
    value = 0;  // too small to be anything else
  }
  return negative ? -value : value;
}

std::optional<std::int64_t> whole_number(const Node& node) {
  if (node.kind != Kind::scalar) return std::nullopt;
  if (node.tag == Tag::integer) return integer_value(node.text);
  if (node.tag != Tag::floating) return std::nullopt;
  const double value = floating_value(node.text).value_or(0);
  if (!(std::abs(value) < 9.2e18)) return std::nullopt;  // NaN, too
  return static_cast<std::int64_t>(value);
}

std::optional<bool> boolean_value(const Node& node) {
  if (node.kind != Kind::scalar) return std::nullopt;
  if (node.tag == Tag::boolean) return is_true_word(node.text);
  if (node.tag != Tag::string) return std::nullopt;
  static constexpr std::array<std::string_view, 8> kYes{"y",   "Y",  "yes", "Yes",
                                                        "YES", "on", "On",  "ON"};
  static constexpr std::array<std::string_view, 8> kNo{"n",  "N",   "no",  "No",
                                                       "NO", "off", "Off", "OFF"};
  if (one_of(node.text, kYes)) return true;
  if (one_of(node.text, kNo)) return false;
  return std::nullopt;
}

std::string float_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Inf" : "+Inf";
  std::array<char, 64> buffer{};
  char* const begin = buffer.data();
  char* const limit = begin + buffer.size();
  const auto scientific = std::to_chars(begin, limit, value, std::chars_format::scientific);
  std::string text(begin, scientific.ptr);
  const std::size_t at = text.find('e');
  int exponent = 0;
  const char* digits = text.data() + at + (text[at + 1] == '+' ? 2 : 1);
  std::from_chars(digits, text.data() + text.size(), exponent);
  if (value != 0 && (exponent < -4 || exponent >= 6)) return text;
  return std::string(begin, std::to_chars(begin, limit, value, std::chars_format::fixed).ptr);
}

std::string value_text(const Node& node) {
  switch (node.tag) {
    case Tag::null:
      return {};
    case Tag::boolean:
      return is_true_word(node.text) ? "true" : "false";
    case Tag::integer:
      if (const auto value = integer_value(node.text)) return std::to_string(*value);
      if (const auto value = unsigned_value(node.text)) return std::to_string(*value);
      return node.text;
    case Tag::floating:
      return float_text(floating_value(node.text).value_or(0));
    case Tag::timestamp:
      return timestamp_text(node.text).value_or(node.text);
    case Tag::string:
      break;
  }
  return node.text;
}

Json json_value(const Node& node) {
  if (node.kind == Kind::sequence) {
    Json out = Json::array();
    for (const Node& item : node.items) out.push_back(json_value(item));
    return out;
  }
  if (node.kind == Kind::mapping) {
    Json out = Json::object();
    for (const Entry& entry : node.entries) out[entry.key.text] = json_value(entry.value);
    return out;
  }
  switch (node.tag) {
    case Tag::null:
      return nullptr;
    case Tag::boolean:
      return is_true_word(node.text);
    case Tag::integer:
      if (const auto value = integer_value(node.text)) return *value;
      if (const auto value = unsigned_value(node.text)) return *value;
      return nullptr;
    case Tag::floating:
      return floating_value(node.text).value_or(0);
    case Tag::timestamp:
    case Tag::string:
      break;
  }
  return value_text(node);
}

namespace {

tl::expected<std::string, Fault> number_text(const Node& node) {
  static const RE2 pattern(R"(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?)");
  if (RE2::FullMatch(node.text, pattern)) return node.text;
  if (node.tag == Tag::integer) return value_text(node);
  const double value = floating_value(node.text).value_or(0);
  if (!std::isfinite(value))
    return tl::unexpected(Fault{node.start, fmt::format("{} is no number in JSON", node.text)});
  return Json(value).dump();
}

}  // namespace

tl::expected<std::string, Fault> json_text(const Node& node) {
  std::string out;
  if (node.kind == Kind::sequence) {
    for (const Node& item : node.items) {
      auto text = json_text(item);
      if (!text) return text;
      out += (out.empty() ? "" : ",") + *text;
    }
    return "[" + out + "]";
  }
  if (node.kind == Kind::mapping) {
    for (const Entry& entry : node.entries) {
      auto text = json_text(entry.value);
      if (!text) return text;
      out += (out.empty() ? "" : ",") + util::json_quote(entry.key.text) + ":" + *text;
    }
    return "{" + out + "}";
  }
  switch (node.tag) {
    case Tag::null:
      return "null";
    case Tag::boolean:
      return value_text(node);
    case Tag::integer:
    case Tag::floating:
      return number_text(node);
    case Tag::timestamp:
    case Tag::string:
      break;
  }
  return util::json_quote(value_text(node));
}

std::string_view type_name(const Node& node) {
  if (node.kind == Kind::sequence) return "a list";
  if (node.kind == Kind::mapping) return "a mapping";
  if (node.kind == Kind::alias) return "an alias";
  switch (node.tag) {
    case Tag::null:
      return "null";
    case Tag::boolean:
      return "a boolean";
    case Tag::integer:
      return "an integer";
    case Tag::floating:
      return "a number";
    case Tag::timestamp:
      return "a date";
    case Tag::string:
      break;
  }
  return "a string";
}

std::string describe(const Node& node) {
  const std::string_view type = type_name(node);
  if (node.kind != Kind::scalar || node.tag == Tag::null) return std::string(type);
  const std::string_view noun = type.substr(type.find(' ') + 1);
  return fmt::format("the {} {}", noun, node.is_string() ? in_quotes(node.text) : node.text);
}

}  // namespace llama_swap::config
