#include "server/gate.h"

#include <fmt/format.h>

#include "server/access_log.h"
#include "server/api_key.h"
#include "server/cors.h"
#include "server/errors.h"

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

// Why the page that asks may not; "": it may.
std::string page_refusal(const net::Exchange& exchange, const Site& site, Access access) {
  const std::optional<Purpose> purpose = purpose_of(access);
  if (!purpose) return "";
  return site_refusal(exchange.request(), *purpose, site.rules(),
                      proxy_fields(exchange, site.proxies()));
}

// Whom to slow down. What anybody can write into X-Forwarded-For must not count.
std::string_view guesser(const Call& call) {
  const TrustedProxies& proxies = call.site->proxies();
  return proxies.all() ? call.exchange.remote_ip() : client_ip(call.exchange, proxies);
}

}  // namespace

std::optional<Caller> Gate::admitted(const net::Exchange& exchange, const Site& site,
                                     Access access) {
  if (access == Access::everyone) return Caller();
  if (!page_refusal(exchange, site, access).empty()) return std::nullopt;
  const std::optional<Caller> caller = site.keys().identify(shown_key(exchange.request()));
  return caller && caller->is(role_of(access)) ? caller : std::nullopt;
}

std::optional<Gate::Refusal> Gate::examine(Call& call) {
  if (call.access == Access::everyone) return std::nullopt;
  std::string refused = page_refusal(call.exchange, *call.site, call.access);
  if (!refused.empty()) return Refusal{403, std::move(refused)};
  if (auto refusal = identify(call)) return refusal;
  const config::Role role = role_of(call.access);
  if (!call.caller.is(role))
    return Refusal{403, "this needs a key with the role " + std::string(role_text(role))};
  return std::nullopt;
}

// Sets the caller, or says why there is none.
std::optional<Gate::Refusal> Gate::identify(Call& call) {
  const KeyRing& keys = call.site->keys();
  if (keys.empty()) return std::nullopt;
  const std::string shown = shown_key(call.exchange.request());
  const Refusal unauthorized{401, "unauthorized: invalid or missing API key"};
  if (shown.empty()) return unauthorized;
  const std::string_view address = guesser(call);
  const util::Time now = util::Clock::now();
  const auto locked = std::chrono::ceil<std::chrono::seconds>(attempts_.locked_for(address, now));
  if (locked.count() > 0)
    return Refusal{429, "too many wrong API keys from your address: try again in a few seconds",
                   locked};
  if (const auto caller = keys.identify(shown)) {
    call.caller = *caller;
    return std::nullopt;
  }
  const FailedAttempts::Outcome outcome = attempts_.record(address, util::sha256(shown), now);
  if (outcome.is_news) {
    std::string text;
    append_escaped(text, address);
    if (outcome.lock.count() > 0)
      text += fmt::format(": not the first one, keys from there are refused for {} ms",
                          outcome.lock.count());
    core_.deps.log.warn(call.log_fields(), "wrong API key from {}", text);
  }
  return unauthorized;
}

net::Awaitable<void> Gate::refuse(Call& call, const Refusal& refusal) {
  net::Headers extra;
  const std::string seconds = std::to_string(refusal.retry_after.count());
  if (refusal.retry_after.count() > 0) extra.push_back({"Retry-After", seconds});
  if (refusal.status == 401) extra.push_back({"WWW-Authenticate", "Basic realm=\"llama-swap\""});
  std::string message = refusal.message;
  co_await send_error(call.exchange, refusal.status, std::move(message), std::move(extra));
}

net::Awaitable<void> Gate::preflight(net::Exchange& exchange, bool open) {
  const Site& site = *core_.site;
  if (!is_foreign_origin(exchange.request(), site.rules(), proxy_fields(exchange, site.proxies())))
    return send_preflight(exchange);
  return open ? send_preflight(exchange, Asking::foreign_page) : send_preflight_refusal(exchange);
}

ExtraHeaders::Fields Gate::extra_headers(const Call& call) {
  ExtraHeaders::Fields fields;
  if (call.access == Access::upstream) {
    // What a model server allows other origins is its own business.
    if (call.site->config().sandbox_upstream)
      fields.emplace_back("Content-Security-Policy", "sandbox allow-scripts allow-forms");
    return fields;
  }
  if (call.access == Access::everyone || call.access == Access::model) return fields;
  const std::string_view* origin = call.exchange.request().find("Origin");
  if (origin && is_allowed_origin(*origin, call.site->rules())) {
    fields.emplace_back("Access-Control-Allow-Origin", *origin);
    fields.emplace_back("Vary", "Origin");
  }
  return fields;
}

void Gate::judge_streams_anew(const Site& before) {
  // Or who comes back would go on behind what another pair of eyes has seen.
  if (!before.keys().shows_the_same_as(core_.site->keys())) core_.hub.renew_ids();
  std::size_t ended = 0;
  for (EndlessStream& stream : core_.streams.open) {
    if (stream.ended()) continue;
    Call& call = stream.call();
    const std::optional<Caller> now = admitted(call.exchange, *core_.site, call.access);
    if (now && now->sees_the_same_as(call.caller)) {
      call.caller = *now;
      call.site = core_.site;
    } else {
      stream.end();
      ++ended;
    }
  }
  if (ended > 0)
    core_.deps.log.info(
        "{} stream(s) end: who listens may not any more, or sees something else now", ended);
}

}  // namespace llama_swap::server
