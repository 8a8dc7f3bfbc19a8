#include "util/timestamp.h"

#include <fmt/format.h>

#include <ctime>

namespace llama_swap::util {
namespace {

namespace chrono = std::chrono;

// Takes exactly `digits` digits off the front, a value within [low, high].
bool take_number(std::string_view& text, std::size_t digits, int low, int high, int& value) {
  if (text.size() < digits) return false;
  value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value >= low && value <= high;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == any_of.npos) return false;
  text.remove_prefix(1);
  return true;
}

bool take_fraction(std::string_view& text, chrono::microseconds& fraction) {
  std::size_t digits = 0;
  int unit = 100'000;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits, unit /= 10)
    fraction += chrono::microseconds((text[digits] - '0') * unit);
  text.remove_prefix(digits);
  return digits > 0;
}

bool take_offset(std::string_view& text, chrono::minutes& offset) {
  if (take(text, "Z")) return true;
  const bool west = text.starts_with('-');
  int hours = 0, minutes = 0;
  if (!take(text, "+- ") || !take_number(text, 2, 0, 24, hours) || !take(text, ":") ||
      !take_number(text, 2, 0, 60, minutes))
    return false;
  offset = chrono::minutes((west ? -1 : 1) * (hours * 60 + minutes));
  return true;
}

}  // namespace

std::string rfc3339(chrono::system_clock::time_point at) {
  const auto second = chrono::floor<chrono::seconds>(at);
  const auto rest = chrono::duration_cast<chrono::milliseconds>(at - second);
  const std::time_t count = chrono::system_clock::to_time_t(second);
  std::tm utc{};
  gmtime_r(&count, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     rest.count());
}

std::optional<ParsedTime> parse_rfc3339(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  chrono::microseconds fraction{0};
  chrono::minutes offset{0};
  if (!take_number(text, 4, 0, 9999, year) || !take(text, "-") ||
      !take_number(text, 2, 1, 12, month) || !take(text, "-") ||
      !take_number(text, 2, 1, 31, day) || !take(text, "T") || !take_number(text, 2, 0, 23, hour) ||
      !take(text, ":") || !take_number(text, 2, 0, 59, minute) || !take(text, ":") ||
      !take_number(text, 2, 0, 59, second))
    return std::nullopt;
  if (take(text, ".,") && !take_fraction(text, fraction)) return std::nullopt;
  if (!take_offset(text, offset) || !text.empty()) return std::nullopt;
  const chrono::year_month_day date{chrono::year(year), chrono::month(month), chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return chrono::sys_days(date) + chrono::hours(hour) + chrono::minutes(minute) +
         chrono::seconds(second) + fraction - offset;
}

}  // namespace llama_swap::util
