#include "server/upstream_guard.h"

#include <algorithm>

#include "net/url.h"
#include "server/model_route.h"
#include "server/path.h"
#include "server/site_guard.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

bool would_load(const Call& call, const Target& target) {
  if (!target.local) return false;
  const swap::State state = call.core.deps.actor.state(target.local->id);
  return state != swap::State::ready && state != swap::State::starting;
}

// How much of the escaped path is the name of a model or of a pin: the longest counts. Nothing:
// there is none.
std::optional<std::size_t> name_length(const Core& core, std::string_view escaped) {
  std::optional<std::size_t> longest;
  if (const auto match = core.site->directory().find_prefix(escaped))
    longest = prefix_length(escaped, match->name);
  const config::Profile* const profile = core.profile();
  if (!profile) return longest;
  for (const auto& [pin, target] : profile->pins)
    if (const auto length = prefix_length(escaped, pin))
      longest = std::max(longest.value_or(0), *length);
  return longest;
}

bool has_base_path(const config::Model& model) {
  const auto url = net::parse_url(model.proxy);
  return url && !url->path.empty() && url->path != "/";
}

// What the key and the page of the caller forbid; empty: nothing.
std::string caller_refusal(const Call& call, const Target& target, std::string_view rest) {
  const net::RequestHead& head = call.exchange.request();
  const bool uses_model = is_model_endpoint(head.method, rest);
  if (!uses_model && !call.caller.is(config::Role::operating))
    return "this key opens model endpoints only";
  const Purpose purpose = uses_model                 ? Purpose::model
                          : would_load(call, target) ? Purpose::load
                                                     : Purpose::content;
  return site_refusal(head, purpose, call.site->rules(),
                      proxy_fields(call.exchange, call.site->proxies()));
}

// What is forbidden whoever asks.
std::optional<Problem> path_refusal(const Call& call, const Target& target, std::string_view path) {
  // To leave the base path would be to leave what the configuration gives access to.
  if (climbs(path) && (target.peer || has_base_path(*target.local)))
    return Problem(400, "the path must not contain the segment \"..\"");
  if (!target.peer) return std::nullopt;
  // A key of ours must not open the peer's other doors: account, keys, billing.
  if (target.peer->peer->api_key.empty()) return std::nullopt;
  const config::Peer& peer = *target.peer->peer;
  if (is_model_endpoint(call.exchange.request().method, path) || call.site->is_allowed(peer, path))
    return std::nullopt;
  return Problem(403, "this path of peer " + peer.id + " is not open; peers." + peer.id +
                          ".allowPaths can open it");
}

}  // namespace

bool is_upstream_path(std::string_view path) {
  return path.starts_with("/upstream/") || path == "/comfyui" || path.starts_with("/comfyui/");
}

std::optional<Problem> upstream_refusal(const Call& call, const Target& target,
                                        std::string_view rest) {
  std::string refusal = caller_refusal(call, target, rest);
  if (!refusal.empty()) return Problem(403, std::move(refusal));
  return path_refusal(call, target, rest);
}

bool is_upstream_model_endpoint(const Core& core, std::string_view method, std::string_view pattern,
                                std::string_view raw_wildcard) {
  if (!pattern.starts_with("/upstream/"))
    return is_model_endpoint(method, "/" + util::percent_decode(raw_wildcard));
  const auto length = name_length(core, raw_wildcard);
  return !length || is_model_endpoint(method, util::percent_decode(raw_wildcard.substr(*length)));
}

}  // namespace llama_swap::server
