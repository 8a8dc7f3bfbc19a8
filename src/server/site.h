// What the server derives from one configuration. A request keeps the site it began with.
#pragma once

#include <re2/re2.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "net/timer_wheel.h"
#include "net/upstream.h"
#include "server/client_address.h"
#include "server/directory.h"
#include "server/filters.h"
#include "server/keys.h"
#include "server/redaction.h"
#include "server/site_guard.h"

namespace llama_swap::server {

class Site {
 public:
  // Connections to peers that stay the same are taken over from `before` (may be null).
  // `host_names`: as in Deps. Loop and wheel must outlive it.
  Site(net::Loop& loop, net::TimerWheel& wheel, config::ConfigPtr config, const Site* before,
       const std::vector<std::string>& host_names = {});

  const config::Config& config() const { return *config_; }
  const config::ConfigPtr& shared_config() const { return config_; }
  const Directory& directory() const { return directory_; }
  const Filters& filters() const { return filters_; }
  const KeyRing& keys() const { return keys_; }
  const SiteRules& rules() const { return rules_; }
  const TrustedProxies& proxies() const { return proxies_; }
  const Redaction& redaction() const { return redaction_; }
  // Does any model show clients that it is loading? Else nobody needs to know who wants a stream.
  bool shows_loading() const { return shows_loading_; }
  // Does a decoded path match upstream.ignorePaths?
  bool is_ignored(std::string_view path) const;
  // Does it match allowPaths of a peer of this configuration?
  bool is_allowed(const config::Peer& peer, std::string_view path) const;
  // Never null for a peer of this configuration, unless its URL is not one of http or https.
  std::shared_ptr<net::Upstream> upstream(const config::Peer& peer) const;

 private:
  using Patterns = std::vector<std::unique_ptr<re2::RE2>>;
  static Patterns compile(const std::vector<std::string>& patterns);
  static bool any_matches(const Patterns& patterns, std::string_view path);

  const config::ConfigPtr config_;
  const Directory directory_;
  const Filters filters_;
  const KeyRing keys_;
  const SiteRules rules_;
  const TrustedProxies proxies_;
  const Redaction redaction_;
  bool shows_loading_ = false;
  Patterns ignored_;
  std::map<std::string, Patterns> allowed_;                      // by peer id
  std::map<std::string, std::shared_ptr<net::Upstream>> peers_;  // by peer id
};

// Do the fields of proxies in this request count?
ProxyFields proxy_fields(const net::Exchange& exchange, const TrustedProxies& proxies);

using SitePtr = std::shared_ptr<const Site>;

}  // namespace llama_swap::server
