#include "server/model_route.h"

#include <algorithm>
#include <optional>

#include "server/dialect.h"
#include "server/fail.h"
#include "server/filter_request.h"
#include "server/filters.h"
#include "server/forward.h"
#include "server/model_request.h"
#include "server/record_body.h"
#include "server/rename.h"
#include "server/resolve.h"
#include "server/shortened.h"
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

// Whether the stream of that endpoint may begin with the loading of its model.
bool shows_loading(const config::Config& config, std::string_view path) {
  if (config.loading_state_everywhere) return dialect_of(path) != Dialect::other;
  return path == "/v1/chat/completions";
}

// What there is of one request, whoever serves it.
struct Asked {
  ModelRequest found;
  std::shared_ptr<net::Body> body;  // null: none
  std::string path;                 // decoded, as the client wrote it
  std::optional<InflightTable::Entry> entry;
};

void track(Call& call, Asked& asked, const ResolvedName& name, const Target& target) {
  const config::Model* local = target.local;
  if (local && local->ignore_websockets && is_websocket(call.exchange.request())) {
    asked.entry.reset();
    return;
  }
  // What names nothing may be any text.
  std::string model = local ? local->id : target ? name.target : shortened(name.target);
  if (asked.entry) {
    asked.entry->set_model(std::move(model));
  } else {
    asked.entry.emplace(call.core.inflight, call.exchange, std::move(model), asked.path,
                        call.caller.name(), name.selector);
  }
}

// Answers the request, or says why its target cannot be reached.
net::Awaitable<std::optional<Problem>> serve(Call& call, Asked& asked, const ResolvedName& name) {
  net::Exchange& exchange = call.exchange;
  const std::string_view query = exchange.request().query();
  Forwarding forwarding;
  forwarding.target = call.site->directory().find(name.target, call.caller);
  forwarding.query = query;
  forwarding.body = asked.body.get();
  forwarding.path = upstream_path(asked.path);
  const config::Model* local = forwarding.target.local;
  call.goes_to({local ? local->id : name.target, forwarding.path, name.selector, local != nullptr,
                forwarding.target.peer});

  // The upstream reads the name it knows itself by.
  const std::string& written = upstream_name(forwarding.target, asked.found, name.target);
  // Nor may it read another one than we did: a form's field, where the query counts for us.
  const bool two_places =
      asked.found.where == ModelRequest::Where::query && !asked.found.spans.empty();
  if (written != asked.found.model || two_places) {
    auto renaming = co_await rename(asked.found, forwarding.body, query, written);
    if (!renaming) {
      co_await fail(call, 400, "could not read request body");
      co_return std::nullopt;
    }
    forwarding.splices = std::move(renaming->splices);
    if (renaming->query) forwarding.query = std::move(*renaming->query);
  }

  track(call, asked, name, forwarding.target);
  forwarding.entry = asked.entry ? &*asked.entry : nullptr;
  if (!forwarding.target) {
    co_await fail(call, 404, "no router for requested model");
    co_return std::nullopt;
  }
  const bool filtered = co_await filter_request(call, forwarding, name.target, written);
  if (!filtered) co_return std::nullopt;
  co_await record_body(call, forwarding, asked.found, name.target);
  forwarding.loading_state = asked.found.streaming && local && local->send_loading_state &&
                             shows_loading(call.site->config(), asked.path);
  co_return co_await try_forward(call, forwarding);
}

// The same for a selector: goes through its targets until one can be reached.
net::Awaitable<std::optional<Problem>> serve_by_selector(Call& call, Asked& asked,
                                                         ResolvedName name) {
  Selection selection(call, call.site->config().selectors.at(name.selector));
  if (!selection.is_visible()) co_return Problem(404, "no router for requested model");
  std::optional<Problem> error;
  do {
    auto target = selection.next();
    if (!target) {
      if (!error) error.emplace(503, target.error().message);
      break;
    }
    if (error)
      call.core.deps.log.warn(call.log_fields(), "selector {}: {} cannot be reached, trying {}: {}",
                              name.selector, name.target, *target, error->message);
    name.target = std::move(*target);
    error = co_await serve(call, asked, name);
  } while (error && selection.goes_on());
  co_return error;
}

JsonScan::Wanted wanted(const Call& call) {
  if (!call.caller.may_use_all()) return JsonScan::Wanted::every_model;
  return call.site->shows_loading() ? JsonScan::Wanted::model_and_stream : JsonScan::Wanted::model;
}

net::Awaitable<void> model_route(Call& call) {
  net::Exchange& exchange = call.exchange;
  const net::RequestHead& head = exchange.request();
  call.record = make_recorder(call);
  ModelScan scan(head, wanted(call));
  Asked asked;
  if (exchange.has_body() || exchange.content_length()) {  // "Content-Length: 0" is passed on
    asked.body = std::make_shared<net::Body>(call.core.deps.body_memory, call.core.deps.worker);
    const auto received = co_await receive_body(exchange, *asked.body, &scan);
    if (!received) {
      co_await send_body_error(exchange, received.error());
      co_return;
    }
  }
  if (asked.body && call.record) call.record->received(asked.body);
  asked.found = scan.finish();
  asked.path = util::percent_decode(head.path());  // the routes hold no special characters
  if (!call.caller.may_use_all() && asked.found.ambiguous) {
    co_await send_error(exchange, 400, "the request names more than one model");
    co_return;
  }
  const ResolvedName name =
      resolve_name(call.site->config(), call.core.profile(), asked.found.model);
  if (name.requested.empty() || name.target.empty()) {
    co_await send_error(exchange, 404, "no model id could be identified");
    co_return;
  }
  std::optional<Problem> error;
  if (name.selector.empty()) {
    error = co_await serve(call, asked, name);
  } else {
    error = co_await serve_by_selector(call, asked, name);
  }
  if (error) co_await fail(call, std::move(*error));
}

bool contains(std::span<const std::string_view> paths, std::string_view path) {
  return std::find(paths.begin(), paths.end(), path) != paths.end();
}

}  // namespace

bool is_model_endpoint(std::string_view method, std::string_view path) {
  if (method == "HEAD") method = "GET";
  return (method == "POST" && contains(kPost, path)) || (method == "GET" && contains(kGet, path));
}

bool is_model_server_path(std::string_view method, std::string_view path) {
  const auto sent_to = [path](std::string_view endpoint) {
    return upstream_path(endpoint) == path;
  };
  return is_model_endpoint(method, path) ||
         (method == "POST" && std::any_of(std::begin(kPost), std::end(kPost), sent_to));
}

Routes model_routes() {
  Routes routes;
  for (const std::string_view path : kPost)
    routes.push_back({"POST", path, model_route, Access::model});
  for (const std::string_view path : kGet)
    routes.push_back({"GET", path, model_route, Access::model});
  return routes;
}

}  // namespace llama_swap::server
