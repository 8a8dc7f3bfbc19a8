// The values that flags and controls take, as text.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fake_model {

using Duration = std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

// "300ms", "1.5s", "2m", "1h30m", "0".
std::optional<Duration> parse_duration(std::string_view text);
// Bytes: "512", "64KiB", "10MB", "1GiB".
std::optional<std::uint64_t> parse_size(std::string_view text);

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// One flag or control: its name, what it takes (empty: nothing), what it does. `set` says whether
// the value was good.
template <class Target>
struct Setting {
  std::string_view name;
  std::string_view takes;
  std::string_view help;
  std::function<bool(Target&, std::string_view)> set;
};

// Puts a parsed value where it belongs; false if there was none.
template <class Field, class Value>
bool store(Field& field, const std::optional<Value>& value) {
  if (value) field = *value;
  return value.has_value();
}

template <class Target>
const Setting<Target>* find(const std::vector<Setting<Target>>& table, std::string_view name) {
  for (const Setting<Target>& s : table) {
    if (s.name == name) return &s;
  }
  return nullptr;
}

// One line of help per setting: "  <prefix>name TAKES   what it does".
template <class Target>
std::string help(const std::vector<Setting<Target>>& table, std::string_view prefix,
                 std::string_view between) {
  std::string out;
  for (const Setting<Target>& s : table) {
    std::string left = "  " + std::string(prefix) + std::string(s.name);
    if (!s.takes.empty()) left += std::string(between) + std::string(s.takes);
    if (left.size() < 30) left.resize(30, ' ');
    out += left + " " + std::string(s.help) + "\n";
  }
  return out;
}

}  // namespace fake_model
