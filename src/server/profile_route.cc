// /api/profiles (http-api 15).
#include <algorithm>

#include "server/answer.h"
#include "server/context.h"
#include "server/errors.h"
#include "server/profile_request.h"
#include "server/sight.h"

namespace llama_swap::server {
namespace {

constexpr std::size_t kMaxBody = 1 << 20;

Json active_json(const std::string& active) {
  Json name;
  if (!active.empty()) name = active;
  return {{"active", std::move(name)}};
}

// "" disables a name; a selector is there for those who may use one of its targets.
bool sees_target(const Call& call, const std::string& target) {
  const Sight sight = call.sight();
  if (sight.all() || target.empty()) return true;
  const auto selector = call.site->config().selectors.find(target);
  if (selector == call.site->config().selectors.end()) return sight.sees(target);
  return std::ranges::any_of(selector->second.targets,
                             [&](const std::string& one) { return sight.sees(one); });
}

net::Awaitable<void> list(Call& call) {
  Json out = active_json(call.core.active_profile);
  Json profiles = Json::array();
  for (const auto& [id, profile] : call.site->config().profiles) {
    Json pins = Json::object();
    for (const auto& [name, target] : profile.pins)
      if (sees_target(call, target)) pins[name] = target;
    profiles.push_back(
        {{"id", id}, {"description", profile.description}, {"pins", std::move(pins)}});
  }
  out["profiles"] = std::move(profiles);
  co_await send_json(call.exchange, std::move(out));
}

net::Awaitable<void> activate(Call& call) {
  // It changes what names mean for everybody.
  if (!call.caller.may_use_all()) {
    co_await send_needs_all_models(call.exchange);
    co_return;
  }
  const auto body = co_await read_small_body(call.exchange, kMaxBody);
  if (!body) {
    co_await send_body_error(call.exchange, body.error());
    co_return;
  }
  const auto name = parse_profile_request(*body);
  if (!name) {
    std::string message = name.error().message;
    co_await send_error(call.exchange, 400, std::move(message));
    co_return;
  }
  Core& core = call.core;
  // The newest configuration counts: it may have changed while the body came in.
  if (!name->empty() && !core.site->config().profiles.contains(*name)) {
    std::string message = "profile \"" + *name + "\" not found";
    co_await send_error(call.exchange, 404, std::move(message));
    co_return;
  }
  core.set_active_profile(*name);
  Json out = active_json(*name);
  co_await send_json(call.exchange, std::move(out));
}

}  // namespace

Routes profile_routes() {
  return {{"GET", "/api/profiles", list, Access::operating},
          {"PUT", "/api/profiles/active", activate, Access::operating}};
}

}  // namespace llama_swap::server
