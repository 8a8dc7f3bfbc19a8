#include "server/model_route.h"

#include <algorithm>
#include <optional>

#include "server/dialect.h"
#include "server/errors.h"
#include "server/forward.h"
#include "server/model_request.h"
#include "server/rename.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

constexpr std::string_view kPost[] = {
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/completions",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/embeddings",
    "/reranking",
    "/rerank",
    "/v1/rerank",
    "/v1/reranking",
    "/infill",
    "/completion",
    "/v1/audio/speech",
    "/v1/audio/voices",
    "/v1/audio/transcriptions",
    "/v1/images/generations",
    "/v1/images/edits",
    "/sdapi/v1/txt2img",
    "/sdapi/v1/img2img",
    "/audioapi/v1/tasks/run",
    "/v/chat/completions",
    "/v/responses",
    "/v/completions",
    "/v/messages",
    "/v/messages/count_tokens",
    "/v/embeddings",
    "/v/rerank",
    "/v/reranking",
};
constexpr std::string_view kGet[] = {"/v1/audio/voices", "/sdapi/v1/loras", "/props"};

// "/v/x" goes upstream as "/x", and without a leading "/audioapi".
std::string_view upstream_path(std::string_view path) {
  if (path.starts_with("/v/")) path.remove_prefix(2);
  if (path.starts_with("/audioapi/")) path.remove_prefix(std::string_view("/audioapi").size());
  return path;
}

// The name to go on with: what the active profile makes of the requested one. "": nothing.
std::string pinned_name(const config::Profile* profile, const std::string& requested) {
  if (profile)
    for (const auto& [name, target] : profile->pins)
      if (name == requested) return target;
  return requested;
}

// Whether the stream of that endpoint may begin with the loading of its model.
bool shows_loading(const config::Config& config, std::string_view path) {
  if (config.loading_state_everywhere) return dialect_of(path) != Dialect::other;
  return path == "/v1/chat/completions";
}

net::Awaitable<void> model_route(Call& call) {
  net::Exchange& exchange = call.exchange;
  const net::RequestHead& head = exchange.request();
  const bool asks_for_streaming = call.site->shows_loading();
  ModelScan scan(head,
                 asks_for_streaming ? JsonScan::Wanted::model_and_stream : JsonScan::Wanted::model);
  std::optional<net::Body> body;
  if (exchange.has_body() || exchange.content_length()) {  // "Content-Length: 0" is passed on
    body.emplace(call.core.deps.body_memory, call.core.deps.worker);
    const auto received = co_await receive_body(exchange, *body, &scan);
    if (!received) {
      co_await send_body_error(exchange, received.error());
      co_return;
    }
  }
  const ModelRequest found = scan.finish();
  const std::string name = pinned_name(call.core.profile(), found.model);
  if (found.model.empty() || name.empty()) {
    co_await send_error(exchange, 404, "no model id could be identified");
    co_return;
  }

  Forwarding forwarding;
  forwarding.target = call.site->directory().find(name);
  forwarding.query = head.query();
  forwarding.body = body ? &*body : nullptr;
  const std::string path =
      util::percent_decode(head.path());  // the routes hold no special characters
  forwarding.path = upstream_path(path);
  const config::Model* local = forwarding.target.local;

  // The upstream reads the name it knows itself by.
  const std::string& written = forwarding.target.peer ? forwarding.target.peer->model : name;
  if (written != found.model) {
    auto renaming = co_await rename(found, forwarding.body, head.query(), written);
    if (!renaming) {
      std::string message = "could not rewrite model: " + renaming.error().message;
      co_await send_error(exchange, 400, std::move(message));
      co_return;
    }
    forwarding.splices = std::move(renaming->splices);
    if (renaming->query) forwarding.query = std::move(*renaming->query);
  }

  std::optional<InflightTable::Entry> entry;
  const bool tracked = !(local && local->ignore_websockets && is_websocket(head));
  if (tracked) entry.emplace(call.core.inflight, exchange, local ? local->id : name, path);
  forwarding.entry = entry ? &*entry : nullptr;
  if (!forwarding.target) {
    co_await send_error(exchange, 404, "no router for requested model");
    co_return;
  }
  forwarding.loading_state = found.streaming && local && local->send_loading_state &&
                             shows_loading(call.site->config(), path);
  co_await forward(call, forwarding);
}

bool contains(std::span<const std::string_view> paths, std::string_view path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

}  // namespace

bool is_model_endpoint(std::string_view method, std::string_view path) {
  return (method == "POST" && contains(kPost, path)) || (method == "GET" && contains(kGet, path));
}

Routes model_routes() {
  Routes routes;
  for (const std::string_view path : kPost) routes.push_back({"POST", path, model_route});
  for (const std::string_view path : kGet) routes.push_back({"GET", path, model_route});
  return routes;
}

}  // namespace llama_swap::server
