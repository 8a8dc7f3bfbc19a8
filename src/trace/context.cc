#include "trace/context.h"

#include <algorithm>
#include <set>
#include <utility>

#include "util/percent.h"
#include "util/text.h"
#include "util/unique_id.h"

namespace llama_swap::trace {
namespace {

constexpr std::size_t kLength = 55;  // of version 00
constexpr std::size_t kMaxMembers = 32;
constexpr std::size_t kMaxState = 4096;  // bytes: every span of a request keeps them

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_key_char(char c) {
  return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}

// Lower case only (3.2.2).
std::optional<std::uint64_t> parse_hex(std::string_view digits) {
  std::uint64_t number = 0;
  for (const char c : digits) {
    if (!is_digit(c) && !(c >= 'a' && c <= 'f')) return std::nullopt;
    number = number * 16 + static_cast<std::uint64_t>(util::hex_digit(c));
  }
  return number;
}

bool is_key_part(std::string_view part, std::size_t longest) {
  return !part.empty() && part.size() <= longest && std::ranges::all_of(part, is_key_char);
}

// Of level 2, which is the wider one: a simple key may begin with a digit, too.
bool is_key(std::string_view key) {
  const std::size_t at = key.find('@');
  if (at == key.npos)
    return is_key_part(key, 256) && (is_lower(key.front()) || is_digit(key.front()));
  const std::string_view tenant = key.substr(0, at), system = key.substr(at + 1);
  return is_key_part(tenant, 241) && (is_lower(tenant.front()) || is_digit(tenant.front())) &&
         is_key_part(system, 14) && is_lower(system.front());
}

bool is_value(std::string_view value) {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::ranges::all_of(value,
                             [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

}  // namespace

std::optional<Context> parse_traceparent(std::string_view value) {
  if (value.size() < kLength || value[2] != '-' || value[35] != '-' || value[52] != '-')
    return std::nullopt;
  const auto version = parse_hex(value.substr(0, 2));
  const auto high = parse_hex(value.substr(3, 16)), low = parse_hex(value.substr(19, 16));
  const auto span = parse_hex(value.substr(36, 16));
  const auto flags = parse_hex(value.substr(53, 2));
  if (!version || !high || !low || !span || !flags || *version == 0xff) return std::nullopt;
  if (value.size() > kLength && (*version == 0 || value[kLength] != '-')) return std::nullopt;
  if ((*high == 0 && *low == 0) || *span == 0) return std::nullopt;
  Context context;
  context.trace = {*high, *low};
  context.span = *span;
  context.flags = static_cast<std::uint8_t>(*flags & (Context::kSampled | Context::kRandom));
  return context;
}

std::string traceparent(const Context& context) {
  std::string out = "00-";
  util::append_hex(out, context.trace.high);
  util::append_hex(out, context.trace.low);
  out += '-';
  util::append_hex(out, context.span);
  out.append("-0") += static_cast<char>('0' + context.flags);
  return out;
}

bool is_valid_tracestate(std::string_view list) {
  std::set<std::string_view> keys;
  for (std::string_view member : util::split(list, ',')) {
    member = util::trim(member);
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == member.npos) return false;
    const std::string_view key = member.substr(0, equals);
    if (!is_key(key) || !is_value(member.substr(equals + 1))) return false;
    if (!keys.insert(key).second || keys.size() > kMaxMembers) return false;
  }
  return true;
}

std::optional<Context> context_of(const net::RequestHead& head) {
  std::optional<Context> context;
  bool again = false;
  std::string state;
  for (const net::Header& header : head.headers) {
    if (util::iequals(header.name, "traceparent")) {
      if (std::exchange(again, true)) return std::nullopt;
      context = parse_traceparent(header.value);
    } else if (util::iequals(header.name, "tracestate") && !header.value.empty()) {
      state.append(state.empty() ? "" : ",").append(header.value);
    }
  }
  if (context && state.size() <= kMaxState && is_valid_tracestate(state))
    context->state = std::move(state);
  return context;
}

}  // namespace llama_swap::trace
