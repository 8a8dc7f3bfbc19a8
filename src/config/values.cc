#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "util/percent.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Digits with at most one point, taken from the front of `text`.
std::optional<long double> take_number(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && (is_digit(text[size]) || text[size] == '.')) ++size;
  const std::string_view number = text.substr(0, size);
  long double value = 0;
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + size, value, std::chars_format::fixed);
  // "5." and ".5" are fine, "." and "1.2.3" are not.
  if (error != std::errc() || end != number.data() + size) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

std::optional<long double> unit_nanoseconds(std::string_view unit) {
  static constexpr std::array<std::pair<std::string_view, long double>, 8> kUnits{{
      {"ns", 1.0L},
      {"us", 1e3L},
      {"\u00b5s", 1e3L},  // micro sign
      {"\u03bcs", 1e3L},  // Greek mu
      {"ms", 1e6L},
      {"s", 1e9L},
      {"m", 60e9L},
      {"h", 3600e9L},
  }};
  for (const auto& [name, value] : kUnits)
    if (name == unit) return value;
  return std::nullopt;
}

// A broken % escape; empty: none.
std::string escape_fault(std::string_view text) {
  for (std::size_t at = text.find('%'); at != text.npos; at = text.find('%', at + 1)) {
    if (at + 2 >= text.size() || !util::is_hex(text[at + 1]) || !util::is_hex(text[at + 2]))
      return fmt::format("invalid URL escape \"{}\"", text.substr(at, 3));
  }
  return {};
}

// Takes "scheme:" from the front. Nothing: the text begins with a colon.
std::optional<std::string_view> take_scheme(std::string_view& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_letter(c)) continue;
    if (c == ':' && i == 0) return std::nullopt;
    if (c == ':') {
      const std::string_view scheme = text.substr(0, i);
      text.remove_prefix(i + 1);
      return scheme;
    }
    if (i == 0 || !(is_digit(c) || c == '+' || c == '-' || c == '.')) break;
  }
  return std::string_view();
}

std::string port_fault(std::string_view port) {  // with its colon, or empty
  if (port.empty() || (port.front() == ':' && std::ranges::all_of(port.substr(1), is_digit)))
    return {};
  return fmt::format("invalid port \"{}\" after host", port);
}

std::string host_fault(std::string_view host) {
  static constexpr std::string_view kAllowed = "-_.~!$&'()*+,;=:[]<>\"%";
  if (host.starts_with('[')) {
    const std::size_t end = host.rfind(']');
    if (end == host.npos) return "missing ']' in host";
    if (std::string fault = port_fault(host.substr(end + 1)); !fault.empty()) return fault;
  } else if (const std::size_t colon = host.rfind(':'); colon != host.npos) {
    if (std::string fault = port_fault(host.substr(colon)); !fault.empty()) return fault;
  }
  if (std::string fault = escape_fault(host); !fault.empty()) return fault;
  for (std::size_t i = 0; i < host.size(); ++i) {
    const char c = host[i];
    const bool ascii = static_cast<unsigned char>(c) < 0x80;
    if (ascii && !is_letter(c) && !is_digit(c) && kAllowed.find(c) == kAllowed.npos)
      return fmt::format("invalid character \"{}\" in host name", c);
    // Only what is not ASCII may be escaped in a host, and the % that begins a zone.
    if (c == '%' && host[i + 1] < '8' && host.substr(i, 3) != "%25")
      return fmt::format("invalid URL escape \"{}\"", host.substr(i, 3));
  }
  return {};
}

std::string authority_fault(std::string_view authority) {
  static constexpr std::string_view kUserChars = "-._:~!$&'()*+,;=%@";
  const std::size_t at = authority.rfind('@');
  if (at != authority.npos) {
    const std::string_view user = authority.substr(0, at);
    for (const char c : user)
      if (!is_letter(c) && !is_digit(c) && kUserChars.find(c) == kUserChars.npos)
        return "invalid userinfo";
    if (std::string fault = escape_fault(user); !fault.empty()) return fault;
    authority.remove_prefix(at + 1);
  }
  return host_fault(authority);
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return std::nullopt;
  long double total = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    const std::size_t unit_size = std::min(text.find_first_of("0123456789."),
                                           text.size());  // the unit reaches up to the next number
    const auto unit = unit_nanoseconds(text.substr(0, unit_size));
    if (!number || !unit) return std::nullopt;
    text.remove_prefix(unit_size);
    total += *number * *unit;
  }
  if (total > 9.2e18L) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(negative ? -total : total));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, long double>, 10> kUnits{{
      {"", 1.0L},
      {"b", 1.0L},
      {"kib", 1024.0L},
      {"mib", 1048576.0L},
      {"gib", 1073741824.0L},
      {"tib", 1099511627776.0L},
      {"kb", 1e3L},
      {"mb", 1e6L},
      {"gb", 1e9L},
      {"tb", 1e12L},
  }};
  text = util::trim(text);
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  const std::string unit = util::lower(util::trim(text));
  for (const auto& [name, factor] : kUnits) {
    if (unit != name) continue;
    const long double bytes = std::floor(*number * factor);
    if (bytes > 9.2e18L) return std::nullopt;
    return static_cast<std::uint64_t>(bytes);
  }
  return std::nullopt;
}

std::string url_fault(std::string_view text) {
  const bool control = std::ranges::any_of(text, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7F;
  });
  if (control) return "control character in URL";
  if (const std::size_t hash = text.find('#'); hash != text.npos) {
    if (std::string fault = escape_fault(text.substr(hash + 1)); !fault.empty()) return fault;
    text = text.substr(0, hash);
  }
  const auto scheme = take_scheme(text);
  if (!scheme) return "missing protocol scheme";
  text = text.substr(0, text.find('?'));
  if (!text.starts_with('/')) {
    if (!scheme->empty()) return {};  // opaque: mailto:…, localhost:8080
    const std::size_t colon = text.substr(0, text.find('/')).find(':');
    return colon == text.npos ? escape_fault(text)
                              : "first path segment in URL cannot contain colon";
  }
  if (text.starts_with("//") && (!scheme->empty() || !text.starts_with("///"))) {
    text.remove_prefix(2);
    const std::size_t slash = std::min(text.find('/'), text.size());
    if (std::string fault = authority_fault(text.substr(0, slash)); !fault.empty()) return fault;
    text.remove_prefix(slash);
  }
  return escape_fault(text);
}

}  // namespace llama_swap::config
