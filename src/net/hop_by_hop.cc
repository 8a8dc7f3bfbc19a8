#include "net/hop_by_hop.h"

#include <algorithm>

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
      return util::iequals(name, "te");
    case 7:
      return util::iequals(name, "trailer") || util::iequals(name, "upgrade");
    case 10:
      return util::iequals(name, "connection") || util::iequals(name, "keep-alive");
    case 16:
      return util::iequals(name, "proxy-connection");
    case 17:
      return util::iequals(name, "transfer-encoding");
    case 18:
      return util::iequals(name, "proxy-authenticate");
    case 19:
      return util::iequals(name, "proxy-authorization");
    default:
      return false;
  }
}

ConnectionTokens::ConnectionTokens(const Headers& headers) {
  for (const Header& header : headers) {
    if (header.name.size() != 10 || !util::iequals(header.name, "connection")) continue;
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
