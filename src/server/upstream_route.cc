// /upstream/<model>/<path> (http-api 10) and /comfyui/<path> (11): the model is in the path,
// everything else is passed on as it came.
#include <optional>

#include "server/answer.h"
#include "server/errors.h"
#include "server/forward.h"
#include "server/model_request.h"
#include "server/model_route.h"
#include "server/path.h"
#include "server/rename.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

constexpr const char* kComfy = "comfyui_auto";

int redirect_status(std::string_view method) {
  return method == "GET" || method == "HEAD" ? 301 : 308;
}

std::string with_query(std::string path, std::string_view query) {
  if (!query.empty()) path.append("?").append(query);
  return path;
}

// The path after "/upstream/" with the longest pin of the active profile that it begins with
// replaced. Nothing: that pin is disabled.
std::optional<std::string> pinned_path(const config::Profile* profile, std::string_view escaped) {
  const std::pair<std::string, std::string>* best = nullptr;
  std::size_t best_length = 0;
  if (profile) {
    for (const auto& pin : profile->pins) {
      const auto length = prefix_length(escaped, pin.first);
      if (length && (!best || pin.first.size() > best->first.size()))
        best = &pin, best_length = *length;
    }
  }
  if (!best) return std::string(escaped);
  if (best->second.empty()) return std::nullopt;
  return encode_path(best->second) + std::string(escaped.substr(best_length));
}

bool is_ready(const Call& call, const config::Model& model) {
  return call.core.deps.actor.state(model.id) == swap::State::ready;
}

// Receives the body, renames for a peer where the request itself names the model, and forwards.
net::Awaitable<void> pass_on(Call& call, Forwarding& forwarding, const std::string& name) {
  net::Exchange& exchange = call.exchange;
  const net::RequestHead& head = exchange.request();
  const PeerModel* peer = forwarding.target.peer;
  std::optional<ModelScan> scan;
  if (peer && peer->model != name) scan.emplace(head, JsonScan::Wanted::model);
  std::optional<net::Body> body;
  if (exchange.has_body() || exchange.content_length()) {  // "Content-Length: 0" is passed on
    body.emplace(call.core.deps.body_memory, call.core.deps.worker);
    const auto received = co_await receive_body(exchange, *body, scan ? &*scan : nullptr);
    if (!received) {
      co_await send_body_error(exchange, received.error());
      co_return;
    }
    forwarding.body = &*body;
  }
  if (scan) {
    const ModelRequest found = scan->finish();
    if (found.model == name) {
      auto renaming = co_await rename(found, forwarding.body, forwarding.query, peer->model);
      if (!renaming) {
        co_await send_error(exchange, 400, "could not read request body");
        co_return;
      }
      forwarding.splices = std::move(renaming->splices);
      if (renaming->query) forwarding.query = std::move(*renaming->query);
    }
  }
  co_await forward(call, forwarding);
}

net::Awaitable<void> upstream(Call& call) {
  net::Exchange& exchange = call.exchange;
  const net::RequestHead& head = exchange.request();
  const auto path = pinned_path(call.core.profile(), call.raw_wildcard);
  const auto match = path ? call.site->directory().find_prefix(*path) : std::nullopt;
  if (!match) {
    co_await send_error(exchange, 404, "model not found");
    co_return;
  }
  if (match->whole) {
    std::string location = with_query("/upstream/" + encode_path(match->name) + "/", head.query());
    co_await send_redirect(exchange, redirect_status(head.method), std::move(location));
    co_return;
  }
  const std::string rest = util::percent_decode(match->rest);
  const config::Model* local = match->target.local;
  if (local && call.site->is_ignored(rest) && !is_ready(call, *local)) {
    std::string message =
        "model " + local->id + " is not loaded; path matches upstream.ignorePaths";
    co_await send_error(exchange, 409, std::move(message));
    co_return;
  }
  Forwarding forwarding;
  forwarding.target = match->target;
  forwarding.path = match->rest;
  forwarding.query = head.query();
  std::optional<InflightTable::Entry> entry;
  const bool ignored = local && local->ignore_websockets && is_websocket(head);
  if (is_model_endpoint(head.method, rest) && !ignored)
    entry.emplace(call.core.inflight, exchange, local ? local->id : match->name, rest);
  forwarding.entry = entry ? &*entry : nullptr;
  co_await pass_on(call, forwarding, match->name);
}

net::Awaitable<void> comfy_root(Call& call) {
  const net::RequestHead& head = call.exchange.request();
  std::string location = with_query("/comfyui/", head.query());
  co_await send_redirect(call.exchange, redirect_status(head.method), std::move(location));
}

net::Awaitable<void> comfy(Call& call) {
  const auto found = call.site->config().models.find(kComfy);
  if (found == call.site->config().models.end()) {
    co_await send_error(call.exchange, 404, "local model comfyui_auto not found");
    co_return;
  }
  const config::Model& model = found->second;
  if (!call.wildcard.empty() && !is_ready(call, model)) {
    co_await send_error(call.exchange, 409,
                        "model comfyui_auto is not loaded; only /comfyui/ can start it");
    co_return;
  }
  Forwarding forwarding;
  forwarding.target.local = &model;
  forwarding.path = "/" + std::string(call.raw_wildcard);
  forwarding.query = call.exchange.request().query();
  co_await pass_on(call, forwarding, model.id);
}

}  // namespace

Routes upstream_routes() {
  return {{"", "/upstream/{...}", upstream},
          {"", "/comfyui", comfy_root},
          {"", "/comfyui/{...}", comfy}};
}

}  // namespace llama_swap::server
