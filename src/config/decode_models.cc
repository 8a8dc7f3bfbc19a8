// Models and peers, each for itself (5.2, 5.3).
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "config/decode.h"
#include "config/values.h"
#include "util/json_path.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

constexpr int kDefaultConcurrency = 10;
constexpr int kComfyConcurrency = 50;
constexpr std::string_view kComfyModel = "comfyui_auto";

constexpr std::int64_t kDefaultUnloadTimeout = 10;
constexpr std::int64_t kMinHealthCheckTimeout = 15;

// What models take from the top level.
struct Inherited {
  std::int64_t ttl = 0;
  std::int64_t unload_timeout = kDefaultUnloadTimeout;
  seconds health_check_timeout{0};
  bool send_loading_state = false;
};

void check_path(const Reader& reader, Mark at, std::string_view key, const std::string& path) {
  if (const auto parsed = util::parse_json_path(path); !parsed)
    reader.error_at(at, key, fmt::format("{}: {}", in_quotes(path), parsed.error().message));
}

// Who is asked is the request's own business: filters keep off the parameter "model", however a key
// writes it.
bool is_protected(const std::string& path) {
  const auto parsed = util::parse_json_path(path);
  return parsed && parsed->front().name == "model";
}

// Sorted by name, without what is protected.
Params effective(const Reader& reader, const std::string& key,
                 std::vector<Placed<std::string>> params) {
  Params out;
  for (Placed<std::string>& param : params) {
    if (is_protected(param.name)) continue;
    check_path(reader, param.name_at, join_path(key, param.name), param.name);
    out.emplace_back(std::move(param.name), std::move(param.value));
  }
  std::ranges::sort(out, {}, &Params::value_type::first);
  return out;
}

std::vector<std::string> strip_list(const Reader& reader, std::string_view key) {
  std::vector<std::string> out;
  const std::string text = reader.string(key);
  for (const std::string_view item : util::split(text, ',')) {
    const std::string name(util::trim(item));
    if (name.empty() || is_protected(name)) continue;
    check_path(reader, reader.at(key), key, name);
    out.push_back(name);
  }
  std::ranges::sort(out);
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Filters read_filters(const Reader& reader, std::string_view legacy_strip_key = {}) {
  Filters filters;
  std::string_view strip = "stripParams";
  if (!legacy_strip_key.empty()) {
    reader.require_string(legacy_strip_key);
    if (reader.string(strip).empty()) strip = legacy_strip_key;
  }
  filters.strip_params = strip_list(reader, strip);
  filters.set_params = effective(reader, "setParams", reader.value_map("setParams"));
  for (auto& params : reader.value_maps("setParamsByID"))
    filters.set_params_by_id[params.name] =
        effective(reader, join_path("setParamsByID", params.name), std::move(params.value));
  return filters;
}

Timeouts read_timeouts(const Reader& reader) {
  Timeouts timeouts;
  timeouts.connect = whole_seconds(reader.integer("connect"));
  timeouts.keepalive = whole_seconds(reader.integer("keepalive"));
  timeouts.response_header = whole_seconds(reader.integer("responseHeader"));
  timeouts.tls_handshake = whole_seconds(reader.integer("tlsHandshake"));
  timeouts.expect_continue = whole_seconds(reader.integer("expectContinue"));
  timeouts.idle_connection = whole_seconds(reader.integer("idleConn"));
  return timeouts;
}

Capabilities read_capabilities(const Reader& reader) {
  Capabilities capabilities;
  capabilities.in = reader.strings("in");
  capabilities.out = reader.strings("out");
  capabilities.tools = reader.boolean("tools");
  capabilities.reranker = reader.boolean("reranker");
  capabilities.context = reader.integer("context");
  return capabilities;
}

void check_url(const Reader& reader, std::string_view key, const std::string& url) {
  if (const std::string fault = url_fault(url); !fault.empty())
    reader.error(key, fmt::format("invalid URL {}: {}", in_quotes(url), fault));
}

void read_lifetime(const Reader& reader, const Inherited& inherited, Model& model) {
  const std::int64_t ttl = reader.integer("ttl");
  model.ttl = whole_seconds(ttl == -1 ? inherited.ttl : ttl);
  const std::int64_t unload_timeout = reader.integer("unloadTimeout");
  model.unload_timeout =
      whole_seconds(unload_timeout == 0 ? inherited.unload_timeout : unload_timeout);
  reader.integer("healthCheckTimeout");  // accepted, has no effect
  model.health_check_timeout = inherited.health_check_timeout;
  model.stop_scope = reader.choice("stopScope") == "group" ? StopScope::group : StopScope::tree;
}

void read_limits(const Reader& reader, Model& model) {
  const int limit = saturated(reader.integer("concurrencyLimit"));
  model.concurrency_limit = limit > 0 ? limit : kDefaultConcurrency;
  model.ignore_websockets = reader.section("compat").boolean("ignoreWebsockets");
  if (model.id != kComfyModel) return;
  model.concurrency_limit = std::max(model.concurrency_limit, kComfyConcurrency);
  model.ignore_websockets = true;
}

Model read_model(const std::string& id, const Reader& reader, const Inherited& inherited) {
  Model model;
  model.id = id;
  model.cmd = reader.string("cmd");
  model.cmd_stop = reader.string("cmdStop");
  model.proxy = reader.string("proxy");
  check_url(reader, "proxy", model.proxy);
  model.ca_file = reader.string("caFile");
  model.aliases = reader.strings("aliases");
  model.env = reader.strings("env");
  model.check_endpoint = util::trim(reader.string("checkEndpoint"));
  check_url(reader, "checkEndpoint", model.check_endpoint);
  read_lifetime(reader, inherited, model);
  read_limits(reader, model);
  model.unlisted = reader.boolean("unlisted");
  model.use_model_name = reader.string("useModelName");
  model.name = reader.string("name");
  model.description = reader.string("description");
  model.filters = read_filters(reader.section("filters"), "strip_params");
  if (reader.has("metadata")) model.metadata = reader.object("metadata");
  model.send_loading_state = reader.has("sendLoadingState") ? reader.boolean("sendLoadingState")
                                                            : inherited.send_loading_state;
  model.timeouts = read_timeouts(reader.section("timeouts"));
  model.capabilities = read_capabilities(reader.section("capabilities"));
  return model;
}

Peer read_peer(const std::string& id, const Reader& reader) {
  Peer peer;
  peer.id = id;
  peer.proxy = reader.string("proxy");
  peer.ca_file = reader.string("caFile");
  peer.api_key = reader.string("apiKey");
  peer.allow_paths = read_patterns(reader, "allowPaths");
  peer.filters = read_filters(reader.section("filters"));
  peer.timeouts = read_timeouts(reader.section("timeouts"));
  std::unordered_set<std::string> seen;
  for (std::string& model : reader.strings("models"))
    if (seen.insert(model).second) peer.models.push_back(std::move(model));
  if (!reader.has_body()) return peer;  // offers nothing

  if (peer.proxy.empty()) {
    reader.error("proxy", "proxy required");
  } else {
    check_url(reader, "proxy", peer.proxy);
  }
  if (peer.models.empty()) reader.error("models", "at least one model required");
  return peer;
}

}  // namespace

void read_models(const Reader& root, const Ports& ports, Config& config) {
  Inherited inherited;
  inherited.ttl = root.integer("globalTTL");
  if (const std::int64_t timeout = root.integer("unloadTimeout"); timeout != 0)
    inherited.unload_timeout = timeout;
  inherited.health_check_timeout =
      whole_seconds(std::max(root.integer("healthCheckTimeout"), kMinHealthCheckTimeout));
  inherited.send_loading_state = root.boolean("sendLoadingState");
  for (const auto& entry : root.sections("models")) {
    Model model = read_model(entry.name, entry.value, inherited);
    if (const auto port = ports.find(entry.name); port != ports.end())
      model.port = saturated(port->second);
    config.models.emplace(entry.name, std::move(model));
  }
}

void read_peers(const Reader& root, Config& config) {
  for (const auto& entry : root.sections("peers"))
    config.peers.emplace(entry.name, read_peer(entry.name, entry.value));
}

}  // namespace llama_swap::config
