// Which address a request is said to come from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/exchange.h"
#include "util/ip.h"

namespace llama_swap::server {

// Those whose word counts. By default everybody's.
class TrustedProxies {
 public:
  TrustedProxies() = default;
  // Texts that are no networks are ignored. Nothing: everybody is believed.
  explicit TrustedProxies(const std::optional<std::vector<std::string>>& networks);

  bool all() const { return !networks_; }
  bool contain(std::string_view address) const;
  // Does what this peer says about others count?
  bool believe(std::string_view address) const { return all() || contain(address); }

 private:
  std::optional<std::vector<util::IpNetwork>> networks_;
};

// Where everybody is believed: the first item of X-Forwarded-For, else X-Real-IP, else the peer's
// address (18.1). Else the peer's address, unless that is a trusted proxy: then the last item of
// X-Forwarded-For that is not one itself, for what stands before may have been made up.
// Valid as long as the exchange.
std::string_view client_ip(const net::Exchange& exchange, const TrustedProxies& proxies = {});

}  // namespace llama_swap::server
