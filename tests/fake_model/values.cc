#include "values.h"

#include <array>
#include <utility>

namespace fake_model {
namespace {

// Splits "1.5ms…" into number and unit; moves `text` behind them.
std::optional<std::pair<double, std::string_view>> take_quantity(std::string_view& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const std::size_t length = std::min(text.find_first_of("0123456789."), text.size());
  const std::string_view unit = text.substr(0, length);
  text.remove_prefix(length);
  return std::pair{number, unit};
}

template <std::size_t Size>
std::optional<double> factor(const std::array<std::pair<std::string_view, double>, Size>& units,
                             std::string_view unit) {
  for (const auto& [name, value] : units) {
    if (name == unit) return value;
  }
  return std::nullopt;
}

constexpr std::array<std::pair<std::string_view, double>, 6> kSeconds{
    {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1.0}, {"m", 60.0}, {"h", 3600.0}, {"ns", 1e-9}}};
constexpr std::array<std::pair<std::string_view, double>, 8> kBytes{{{"", 1.0},
                                                                     {"B", 1.0},
                                                                     {"KB", 1e3},
                                                                     {"MB", 1e6},
                                                                     {"GB", 1e9},
                                                                     {"KiB", 1024.0},
                                                                     {"MiB", 1048576.0},
                                                                     {"GiB", 1073741824.0}}};

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration{0};
  if (text.empty()) return std::nullopt;
  double seconds = 0;
  while (!text.empty()) {
    const auto quantity = take_quantity(text);
    if (!quantity) return std::nullopt;
    const auto unit = factor(kSeconds, quantity->second);
    if (!unit) return std::nullopt;
    seconds += quantity->first * *unit;
  }
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto quantity = take_quantity(text);
  if (!quantity || !text.empty()) return std::nullopt;
  const auto unit = factor(kBytes, quantity->second);
  if (!unit) return std::nullopt;
  return static_cast<std::uint64_t>(quantity->first * *unit);
}

}  // namespace fake_model
