// Health, version, the lists of models, unloading, cancelling (http-api 10.1, 13, 14, 18.4, 24).
#include <chrono>

#include "server/answer.h"
#include "server/context.h"
#include "server/errors.h"
#include "server/models_list.h"
#include "server/sight.h"

namespace llama_swap::server {
namespace {

net::Awaitable<void> health(Call& call) {
  co_await send(call.exchange, 200, kText, "OK");
}

net::Awaitable<void> version(Call& call) {
  const Version& v = call.core.deps.version;
  Json out{{"version", v.version}, {"commit", v.commit}, {"build_date", v.build_date}};
  co_await send_json(call.exchange, std::move(out));
}

net::Awaitable<void> root(Call& call) {
  co_await send_redirect(call.exchange, 302, "/ui");
}

net::Awaitable<void> upstream_root(Call& call) {
  co_await send_redirect(call.exchange, 302, "/ui/models");
}

// No console is built in.
net::Awaitable<void> no_ui(Call& call) {
  net::Headers extra;
  extra.push_back({"X-Content-Type-Options", "nosniff"});
  co_await send(call.exchange, 404, kText, "404 page not found\n", std::move(extra));
}

StateOf state_of(const Core& core) {
  return [&core](const std::string& id) { return core.deps.actor.state(id); };
}

net::Awaitable<void> models(Call& call) {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(since_epoch).count();
  Json list = models_list(call.site->config(), call.site->directory(), state_of(call.core),
                          call.core.profile(), now, call.caller);
  net::Headers extra;
  const std::string_view* origin = call.exchange.request().find("Origin");
  if (origin && !origin->empty()) {
    extra.push_back({"Access-Control-Allow-Origin", *origin});
    extra.push_back({"Vary", "Origin"});
  }
  co_await send_json(call.exchange, std::move(list), std::move(extra));
}

net::Awaitable<void> running(Call& call) {
  Json list = running_list(call.site->config(), state_of(call.core), call.caller);
  co_await send_json(call.exchange, std::move(list));
}

net::Awaitable<void> stop_all(Call& call) {
  std::vector<std::string> ids;
  for (const auto& [id, model] : call.site->config().models)
    if (call.caller.may_use(id)) ids.push_back(id);
  co_await call.core.deps.actor.unload(std::move(ids));
}

net::Awaitable<void> unload(Call& call) {
  co_await stop_all(call);
  co_await send(call.exchange, 200, kText, "OK");
}

net::Awaitable<void> unload_all(Call& call) {
  co_await stop_all(call);
  Json out{{"msg", "ok"}};
  co_await send_json(call.exchange, std::move(out));
}

// Real ids and aliases only; a name may hold slashes, written plainly or as %2F.
net::Awaitable<void> unload_one(Call& call) {
  const config::Model* model = call.site->config().find_model(call.wildcard);
  if (!model || !call.caller.may_use(model->id)) {
    co_await send_error(call.exchange, 404, "model not found");
    co_return;
  }
  std::vector<std::string> ids{model->id};
  co_await call.core.deps.actor.unload(std::move(ids));
  co_await send(call.exchange, 200, kText, "OK");
}

net::Awaitable<void> cancel(Call& call) {
  const std::string* const model = call.core.inflight.model_of(call.wildcard);
  const bool theirs = model && call.sight().sees(*model);
  if (!theirs || !call.core.inflight.cancel(call.wildcard)) {
    co_await send_error(call.exchange, 404, "inflight request not found");
    co_return;
  }
  Json out{{"msg", "ok"}};
  co_await send_json(call.exchange, std::move(out));
}

}  // namespace

Routes management_routes() {
  return {
      {"GET", "/health", health, Access::everyone},
      {"GET", "/wol-health", health, Access::everyone},
      {"GET", "/", root, Access::everyone},
      {"GET", "/upstream", upstream_root, Access::everyone},
      {"GET", "/ui/{...}", no_ui, Access::operating},
      {"GET", "/favicon.ico", no_ui, Access::everyone},
      {"GET", "/api/version", version, Access::user},
      {"GET", "/v1/models", models, Access::model},
      {"GET", "/models", models, Access::model},
      {"GET", "/running", running, Access::operating},
      {"GET", "/unload", unload, Access::acting},
      {"POST", "/api/models/unload", unload_all, Access::operating},
      {"POST", "/api/models/unload/{...}", unload_one, Access::operating},
      {"POST", "/api/inflight/{}/cancel", cancel, Access::operating},
  };
}

}  // namespace llama_swap::server
