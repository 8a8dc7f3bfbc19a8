#include "server/client_address.h"

#include <algorithm>

#include "util/text.h"

namespace llama_swap::server {
namespace {

std::string_view as_told(const net::Exchange& exchange) {
  const net::RequestHead& head = exchange.request();
  if (const std::string_view* forwarded = head.find("X-Forwarded-For")) {
    const std::string_view first = util::trim(forwarded->substr(0, forwarded->find(',')));
    if (!first.empty()) return first;
  }
  if (const std::string_view* real = head.find("X-Real-IP"))
    if (!real->empty()) return *real;
  return exchange.remote_ip();
}

}  // namespace

TrustedProxies::TrustedProxies(const std::optional<std::vector<std::string>>& networks) {
  if (!networks) return;
  networks_.emplace();
  for (const std::string& text : *networks)
    if (const auto network = util::parse_network(text)) networks_->push_back(*network);
}

bool TrustedProxies::contain(std::string_view address) const {
  const auto ip = util::parse_ip(address);
  return ip && networks_ && std::ranges::any_of(*networks_, [&](const util::IpNetwork& network) {
           return network.contains(*ip);
         });
}

std::string_view client_ip(const net::Exchange& exchange, const TrustedProxies& proxies) {
  if (proxies.all()) return as_told(exchange);
  std::string_view client = exchange.remote_ip();
  const net::Headers& headers = exchange.request().headers;
  // From the last hop back: fields of one name are one list (RFC 9110 5.3).
  for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
    if (!util::iequals(header->name, "X-Forwarded-For")) continue;
    auto hops = util::split(header->value, ',');
    for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
      if (!proxies.contain(client)) return client;
      const std::string_view before = util::trim(*hop);
      if (!before.empty()) client = before;
    }
  }
  return client;
}

}  // namespace llama_swap::server
