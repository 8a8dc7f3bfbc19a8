#include "util/time.h"

#include <cstdint>

namespace llama_swap::util {
namespace {

// value/unit with up to nine decimals, trailing zeros dropped.
std::string decimal(std::uint64_t value, std::uint64_t unit) {
  std::string text = std::to_string(value / unit);
  std::uint64_t rest = value % unit;
  if (rest == 0) return text;
  text += '.';
  while (rest != 0) {
    unit /= 10;
    text += static_cast<char>('0' + rest / unit);
    rest %= unit;
  }
  return text;
}

}  // namespace

std::string duration_text(std::chrono::nanoseconds d) {
  if (d.count() == 0) return "0s";
  std::string sign = d.count() < 0 ? "-" : "";
  const auto ns = d.count() < 0 ? 0 - static_cast<std::uint64_t>(d.count())
                                : static_cast<std::uint64_t>(d.count());
  if (ns < 1000) return sign + std::to_string(ns) + "ns";
  if (ns < 1'000'000) return sign + decimal(ns, 1000) + "µs";
  if (ns < 1'000'000'000) return sign + decimal(ns, 1'000'000) + "ms";
  const std::uint64_t minute = 60'000'000'000;
  const std::uint64_t minutes = ns / minute;
  std::string text = sign;
  if (minutes >= 60) text += std::to_string(minutes / 60) + "h";
  if (minutes > 0) text += std::to_string(minutes % 60) + "m";
  return text + decimal(ns % minute, 1'000'000'000) + "s";
}

}  // namespace llama_swap::util
