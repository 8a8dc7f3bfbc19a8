// /upstream/<model>/<path> (http-api 10) and /comfyui/<path> (11): the model is in the path,
// everything else is passed on as it came.
#include <optional>

#include "server/answer.h"
#include "server/fail.h"
#include "server/filter_request.h"
#include "server/filters.h"
#include "server/forward.h"
#include "server/model_request.h"
#include "server/model_route.h"
#include "server/path.h"
#include "server/record_body.h"
#include "server/rename.h"
#include "server/upstream_guard.h"
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

// Whom the path after "/upstream/" names: the longest name that it begins with, be it of a pin of
// the active profile, which then is replaced, or of a model. Nothing: that pin is disabled, or
// stands for a selector, or there is no such name.
std::optional<Directory::PathMatch> find_target(const Call& call) {
  const Site& site = *call.site;
  const config::Profile* const profile = call.core.profile();
  const std::string_view escaped = call.raw_wildcard;
  const std::pair<std::string, std::string>* pinned = nullptr;
  std::size_t length_of_pin = 0;  // escaped
  if (profile) {
    for (const auto& pin : profile->pins) {
      const auto length = prefix_length(escaped, pin.first);
      if (length && (!pinned || pin.first.size() > pinned->first.size()))
        pinned = &pin, length_of_pin = *length;
    }
  }
  auto match = site.directory().find_prefix(escaped, call.caller);
  if (!pinned || (match && match->name.size() > pinned->first.size())) return match;
  if (pinned->second.empty() || site.config().selectors.contains(pinned->second))
    return std::nullopt;
  const std::string path = encode_path(pinned->second) + std::string(escaped.substr(length_of_pin));
  return site.directory().find_prefix(path, call.caller);
}

bool is_ready(const Call& call, const config::Model& model) {
  return call.core.deps.actor.state(model.id) == swap::State::ready;
}

bool same(const Target& a, const Target& b) {
  if (a.local || b.local || !a.peer || !b.peer) return a.local == b.local && a.peer == b.peer;
  return a.peer->peer == b.peer->peer && a.peer->model == b.peer->model;
}

// For a key of some models: could the upstream read another model's name in the request?
bool names_another(const Call& call, const Target& target, const ModelRequest& found) {
  if (found.ambiguous) return true;
  if (found.model.empty() || (target.peer && target.peer->model == found.model)) return false;
  return !same(call.site->directory().find(found.model, call.caller), target);
}

// Receives the body, writes the upstream's own name of the model where the request itself names it,
// and forwards. `filtered`: also what the configuration of the model asks for.
net::Awaitable<void> pass_on(Call& call, Forwarding& forwarding, const std::string& name,
                             bool filtered) {
  net::Exchange& exchange = call.exchange;
  const net::RequestHead& head = exchange.request();
  const PeerModel* peer = forwarding.target.peer;
  std::optional<ModelScan> scan;
  const bool renames =
      peer ? peer->model != name : filtered && !forwarding.target.local->use_model_name.empty();
  if (!call.caller.may_use_all()) {
    scan.emplace(head, JsonScan::Wanted::every_model);
  } else if (renames) {
    scan.emplace(head, JsonScan::Wanted::model);
  }
  std::shared_ptr<net::Body> body;
  // Where there is nothing, filters may write something.
  const bool from_nothing = filtered && head.method == "POST" &&
                            !call.site->filters().find(forwarding.target, name).empty();
  // "Content-Length: 0" is passed on.
  if (exchange.has_body() || exchange.content_length() || from_nothing) {
    body = std::make_shared<net::Body>(call.core.deps.body_memory, call.core.deps.worker);
    const auto received = co_await receive_body(exchange, *body, scan ? &*scan : nullptr);
    if (!received) {
      co_await send_body_error(exchange, received.error());
      co_return;
    }
    forwarding.body = body.get();
    if (call.record) call.record->received(body);
  }
  std::string written = name;
  ModelRequest found;
  if (scan) {
    found = scan->finish();
    if (!call.caller.may_use_all() && names_another(call, forwarding.target, found)) {
      co_await send_error(exchange, 403, "the request names another model than its path");
      co_return;
    }
    const bool named = renames && (peer ? found.model == name : !found.spans.empty());
    if (named) written = upstream_name(forwarding.target, found, name);
    if (named && written != found.model) {
      auto renaming = co_await rename(found, forwarding.body, forwarding.query, written);
      if (!renaming) {
        co_await fail(call, 400, "could not read request body");
        co_return;
      }
      forwarding.splices = std::move(renaming->splices);
      if (renaming->query) forwarding.query = std::move(*renaming->query);
    }
  }
  if (filtered) {
    const bool good = co_await filter_request(call, forwarding, name, written);
    if (!good) co_return;
  }
  co_await record_body(call, forwarding, found, name);
  co_await forward(call, forwarding);
}

net::Awaitable<void> upstream(Call& call) {
  net::Exchange& exchange = call.exchange;
  const net::RequestHead& head = exchange.request();
  const auto match = find_target(call);
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
  if (auto refusal = upstream_refusal(call, match->target, rest)) {
    co_await send_problem(exchange, std::move(*refusal));
    co_return;
  }
  const config::Model* local = match->target.local;
  const bool model_endpoint = is_model_endpoint(head.method, rest);
  if (model_endpoint) call.record = make_recorder(call);
  call.goes_to(
      {local ? local->id : match->name, rest, "", local != nullptr, match->target.peer});
  if (local && call.site->is_ignored(rest) && !is_ready(call, *local)) {
    std::string message =
        "model " + local->id + " is not loaded; path matches upstream.ignorePaths";
    co_await fail(call, 409, std::move(message));
    co_return;
  }
  Forwarding forwarding;
  forwarding.target = match->target;
  forwarding.path = match->rest;
  forwarding.query = head.query();
  std::optional<InflightTable::Entry> entry;
  const bool ignored = local && local->ignore_websockets && is_websocket(head);
  if (model_endpoint && !ignored)
    entry.emplace(call.core.inflight, exchange, local ? local->id : match->name, rest,
                  call.caller.name());
  forwarding.entry = entry ? &*entry : nullptr;
  const bool filtered =
      call.site->config().filter_upstream && is_model_server_path(head.method, rest);
  co_await pass_on(call, forwarding, match->name, filtered);
}

net::Awaitable<void> comfy_root(Call& call) {
  const net::RequestHead& head = call.exchange.request();
  std::string location = with_query("/comfyui/", head.query());
  co_await send_redirect(call.exchange, redirect_status(head.method), std::move(location));
}

net::Awaitable<void> comfy(Call& call) {
  const auto found = call.site->config().models.find(kComfy);
  if (found == call.site->config().models.end() || !call.caller.may_use(kComfy)) {
    co_await send_error(call.exchange, 404, "local model comfyui_auto not found");
    co_return;
  }
  const config::Model& model = found->second;
  Forwarding forwarding;
  forwarding.target.local = &model;
  if (auto refusal = upstream_refusal(call, forwarding.target, "/" + call.wildcard)) {
    co_await send_problem(call.exchange, std::move(*refusal));
    co_return;
  }
  if (!call.wildcard.empty() && !is_ready(call, model)) {
    co_await send_error(call.exchange, 409,
                        "model comfyui_auto is not loaded; only /comfyui/ can start it");
    co_return;
  }
  forwarding.path = "/" + std::string(call.raw_wildcard);
  forwarding.query = call.exchange.request().query();
  co_await pass_on(call, forwarding, model.id, false);
}

}  // namespace

Routes upstream_routes() {
  return {{"", "/upstream/{...}", upstream, Access::upstream},
          {"", "/comfyui", comfy_root, Access::upstream},
          {"", "/comfyui/{...}", comfy, Access::upstream}};
}

}  // namespace llama_swap::server
