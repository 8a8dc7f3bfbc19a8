#include "net/hop_by_hop.h"

#include <algorithm>

#include "net/field_name.h"
#include "util/text.h"

namespace llama_swap::net {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool less_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, lower, lower);
}

bool worth_keeping(std::string_view name) {
  return !name.empty() && !util::iequals(name, "close") && !util::iequals(name, "host") &&
         !util::iequals(name, "content-length") && !is_hop_by_hop(name);
}

}  // namespace

bool is_hop_by_hop(std::string_view name) {
  switch (name.size()) {
    case 2:
      return is_field(name, "te");
    case 7:
      return is_field(name, "trailer") || is_field(name, "upgrade");
    case 10:
      return is_field(name, "connection") || is_field(name, "keep-alive");
    case 14:
      return is_field(name, "http2-settings");
    case 16:
      return is_field(name, "proxy-connection");
    case 17:
      return is_field(name, "transfer-encoding");
    case 18:
      return is_field(name, "proxy-authenticate");
    case 19:
      return is_field(name, "proxy-authorization");
    default:
      return false;
  }
}

ConnectionTokens::ConnectionTokens(const Headers& headers) {
  for (const Header& header : headers) {
    if (!is_field(header.name, "connection")) continue;
    std::string_view rest = header.value;
    for (;;) {
      const auto comma = rest.find(',');
      const std::string_view name = util::trim(rest.substr(0, comma));
      if (worth_keeping(name)) names_.push_back(name);
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
  std::ranges::sort(names_, less_ignoring_case);
}

bool ConnectionTokens::names(std::string_view header_name) const {
  if (names_.empty()) return false;
  const auto at = std::ranges::lower_bound(names_, header_name, less_ignoring_case);
  return at != names_.end() && util::iequals(*at, header_name);
}

}  // namespace llama_swap::net
