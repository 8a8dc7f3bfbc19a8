#include "server/site.h"

#include <algorithm>

#include "server/own_names.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

SiteRules rules_of(const config::Config& config, const std::vector<std::string>& host_names) {
  SiteRules rules{config.allowed_origins, config.allowed_hosts};
  for (std::string& name : own_names()) rules.hosts.push_back(std::move(name));
  for (const std::string& name : host_names) rules.hosts.push_back(util::lower(name));
  return rules;
}

}  // namespace

Site::Site(net::Loop& loop, net::TimerWheel& wheel, config::ConfigPtr config, const Site* before,
           const std::vector<std::string>& host_names)
    : config_(std::move(config)),
      directory_(*config_),
      filters_(*config_),
      keys_(*config_),
      rules_(rules_of(*config_, host_names)),
      proxies_(config_->trusted_proxies),
      redaction_(config_->captures.redact) {
  ignored_ = compile(config_->ignore_paths);
  for (const auto& [id, peer] : config_->peers) allowed_[id] = compile(peer.allow_paths);
  for (const auto& [id, model] : config_->models)
    shows_loading_ = shows_loading_ || model.send_loading_state;
  for (const auto& [id, peer] : config_->peers) {
    if (before) {
      const auto known = before->config().peers.find(id);
      if (known != before->config().peers.end() && known->second.proxy == peer.proxy &&
          known->second.ca_file == peer.ca_file && known->second.timeouts == peer.timeouts) {
        peers_[id] = before->upstream(known->second);
        continue;
      }
    }
    const auto url = net::parse_url(peer.proxy);
    if (!url) continue;
    net::UpstreamTimeouts timeouts;
    timeouts.connect = peer.timeouts.connect;
    timeouts.keepalive = peer.timeouts.keepalive;
    timeouts.response_header = peer.timeouts.response_header;
    timeouts.tls_handshake = peer.timeouts.tls_handshake;
    timeouts.idle = peer.timeouts.idle_connection;
    peers_[id] = std::make_shared<net::Upstream>(loop, wheel, *url, timeouts, peer.ca_file);
  }
}

ProxyFields proxy_fields(const net::Exchange& exchange, const TrustedProxies& proxies) {
  return proxies.believe(exchange.remote_ip()) ? ProxyFields::count : ProxyFields::made_up;
}

Site::Patterns Site::compile(const std::vector<std::string>& patterns) {
  Patterns out;
  for (const std::string& pattern : patterns)
    out.push_back(std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet));
  return out;
}

bool Site::any_matches(const Patterns& patterns, std::string_view path) {
  const re2::StringPiece text(path.data(), path.size());
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return re2::RE2::PartialMatch(text, *pattern); });
}

bool Site::is_ignored(std::string_view path) const {
  return any_matches(ignored_, path);
}

bool Site::is_allowed(const config::Peer& peer, std::string_view path) const {
  return any_matches(allowed_.at(peer.id), path);
}

std::shared_ptr<net::Upstream> Site::upstream(const config::Peer& peer) const {
  const auto found = peers_.find(peer.id);
  return found == peers_.end() ? nullptr : found->second;
}

}  // namespace llama_swap::server
