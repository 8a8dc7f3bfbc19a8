#include "server/gate.h"

#include "server/access_log.h"
#include "server/api_key.h"
#include "server/cors.h"
#include "server/errors.h"
#include "server/upstream_guard.h"

namespace llama_swap::server {
namespace {

std::optional<Purpose> purpose_of(Access access) {
  switch (access) {
    case Access::everyone:
    case Access::upstream:  // see upstream_guard.h
      return std::nullopt;
    case Access::model:
      return Purpose::model;
    case Access::acting:
      return Purpose::act;
    case Access::user:
    case Access::operating:
    case Access::admin:
      break;
  }
  return Purpose::manage;
}

config::Role role_of(Access access) {
  if (access == Access::admin) return config::Role::admin;
  if (access == Access::operating || access == Access::acting) return config::Role::operating;
  return config::Role::user;
}

std::string_view role_text(config::Role role) {
  return role == config::Role::admin ? "admin" : "operator";
}

// Whom to slow down. What anybody can write into X-Forwarded-For must not count.
std::string_view guesser(const Call& call) {
  const TrustedProxies& proxies = call.site->proxies();
  return proxies.all() ? call.exchange.remote_ip() : client_ip(call.exchange, proxies);
}

}  // namespace

std::optional<Gate::Refusal> Gate::examine(Call& call, Access access) const {
  if (access == Access::everyone) return std::nullopt;
  const net::RequestHead& head = call.exchange.request();
  if (const auto purpose = purpose_of(access)) {
    std::string refused = site_refusal(head, *purpose, call.site->rules());
    if (!refused.empty()) return Refusal{403, std::move(refused)};
  }
  const auto caller = call.site->keys().identify(head);
  if (!caller)
    return Refusal{401, "unauthorized: invalid or missing API key", !shown_key(head).empty()};
  const config::Role role = role_of(access);
  if (!caller->is(role))
    return Refusal{403, "this needs a key with the role " + std::string(role_text(role))};
  call.caller = *caller;
  return std::nullopt;
}

net::Awaitable<void> Gate::refuse(Call& call, const Refusal& refusal) {
  net::Headers extra;
  if (refusal.guessed) {
    const std::string_view address = guesser(call);
    const auto delay = attempts_.record(address, util::Clock::now());
    if (delay.count() > 0 && delayed_ >= kMaxDelayed) {
      extra.push_back({"Retry-After", "10"});
      co_await send_error(call.exchange, 429, "too many wrong API keys", std::move(extra));
      co_return;
    }
    std::string shown;
    append_escaped(shown, address);
    core_.deps.log.warn("wrong API key from {}{}", shown,
                        delay.count() > 0 ? ": not the first one, answered late" : "");
    if (delay.count() > 0) co_await hold_back(call, delay);
  }
  if (refusal.status == 401) extra.push_back({"WWW-Authenticate", "Basic realm=\"llama-swap\""});
  std::string message = refusal.message;
  co_await send_error(call.exchange, refusal.status, std::move(message), std::move(extra));
}

// Ends early when the client leaves or the server ends.
net::Awaitable<void> Gate::hold_back(Call& call, std::chrono::milliseconds delay) {
  struct Count {
    explicit Count(int& n) : number(n) { ++number; }
    ~Count() { --number; }
    int& number;
  };
  const Count count(delayed_);
  EndlessStream held(core_.deps.loop, core_.streams, call.exchange);
  net::Deadline over(core_.deps.wheel, [&held] { held.end(); });
  over.set(util::Clock::now() + delay);
  while (!held.ended()) co_await held.wait();
}

net::Awaitable<void> Gate::preflight(net::Exchange& exchange, std::optional<Access> access) {
  const net::RequestHead& head = exchange.request();
  const std::string_view* method = head.find("Access-Control-Request-Method");
  bool open = !access || !method || *access == Access::everyone || *access == Access::model;
  if (access == Access::upstream) open = open || may_be_model_endpoint(*method, head.path());
  if (open || !is_foreign_origin(head, core_.site->rules())) return send_preflight(exchange);
  return send_preflight_refusal(exchange);
}

ExtraHeaders::Fields Gate::extra_headers(const Call& call, Access access) {
  ExtraHeaders::Fields fields;
  if (access == Access::upstream) {
    // What a model server allows other origins is its own business.
    if (call.site->config().sandbox_upstream)
      fields.emplace_back("Content-Security-Policy", "sandbox allow-scripts allow-forms");
    return fields;
  }
  if (access == Access::everyone || access == Access::model) return fields;
  const std::string_view* origin = call.exchange.request().find("Origin");
  if (origin && is_allowed_origin(*origin, call.site->rules())) {
    fields.emplace_back("Access-Control-Allow-Origin", *origin);
    fields.emplace_back("Vary", "Origin");
  }
  return fields;
}

}  // namespace llama_swap::server
