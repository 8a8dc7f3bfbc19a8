#include "server/upstream_guard.h"

#include "server/model_route.h"
#include "server/site_guard.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

bool would_load(const Call& call, const Target& target) {
  if (!target.local) return false;
  const swap::State state = call.core.deps.actor.state(target.local->id);
  return state != swap::State::ready && state != swap::State::starting;
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
  return site_refusal(head, purpose, call.site->rules());
}

bool may_be_model_endpoint(std::string_view method, std::string_view path) {
  const std::string decoded = util::percent_decode(path);
  for (auto slash = decoded.find('/'); slash != std::string::npos;
       slash = decoded.find('/', slash + 1))
    if (is_model_endpoint(method, std::string_view(decoded).substr(slash))) return true;
  return false;
}

}  // namespace llama_swap::server
