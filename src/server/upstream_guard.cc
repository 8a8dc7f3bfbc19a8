#include "server/upstream_guard.h"

#include <algorithm>

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

}  // namespace

bool is_upstream_path(std::string_view path) {
  return path.starts_with("/upstream/") || path == "/comfyui" || path.starts_with("/comfyui/");
}

std::string upstream_refusal(const Call& call, const Target& target, std::string_view rest) {
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

bool is_upstream_model_endpoint(const Core& core, std::string_view method, std::string_view pattern,
                                std::string_view raw_wildcard) {
  if (!pattern.starts_with("/upstream/"))
    return is_model_endpoint(method, "/" + util::percent_decode(raw_wildcard));
  const auto length = name_length(core, raw_wildcard);
  return !length || is_model_endpoint(method, util::percent_decode(raw_wildcard.substr(*length)));
}

}  // namespace llama_swap::server
