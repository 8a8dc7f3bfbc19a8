// The configuration as a value: everything a file can say, with defaults applied, names resolved and checks done.
// docs/configuration.md describes the keys.
//
// A Config never changes after loading. It is shared by pointer: whoever began with one keeps it to the end.
// Strings are UTF-8 as written. Durations carry their unit in the type.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "util/sha256.h"

namespace llama_swap::config {

using std::chrono::milliseconds;
using std::chrono::seconds;
// Free-form values (metadata). Keeps the order of keys; a number keeps its kind (integer or float).
using Json = nlohmann::ordered_json;

struct Timeouts {  // zero or negative: no limit
  seconds connect{30};
  seconds keepalive{30};  // TCP keep-alive period; 0 = system default, negative = off
  seconds response_header{0};
  seconds tls_handshake{10};
  seconds expect_continue{1};
  seconds idle_connection{90};
  bool operator==(const Timeouts&) const = default;
};

// Keys are paths that util::parse_json_path() takes. Values are compact JSON text: it keeps the spelling of numbers.
using Params = std::vector<std::pair<std::string, std::string>>;  // sorted by key, never "model"
struct Filters {
  std::vector<std::string> strip_params;  // trimmed, sorted, unique, never "model"
  Params set_params;
  std::map<std::string, Params> set_params_by_id;  // by the name that was requested
  bool empty() const { return strip_params.empty() && set_params.empty() && set_params_by_id.empty(); }
  bool operator==(const Filters&) const = default;
};

struct Capabilities {
  std::vector<std::string> in, out;  // each of text, audio, image
  bool tools = false;
  bool reranker = false;
  std::int64_t context = 0;
  bool any() const { return !in.empty() || !out.empty() || tools || reranker || context > 0; }
  bool operator==(const Capabilities&) const = default;
};

// What a stop reaches: the whole process tree, or only the process group of the command.
enum class StopScope { tree, group };

struct Model {
  std::string id;
  std::string cmd;       // after macros and ports; whole-line comments removed; not split yet (command.h)
  std::string cmd_stop;  // may still hold ${PID}
  std::string proxy;     // URL reference; empty: the model cannot start
  std::string ca_file;   // key caFile (ours); empty: none
  std::vector<std::string> aliases;  // configured ones in order, then automatic ones (setParamsByID keys), sorted
  std::vector<std::string> env;      // NAME=value, in order, later wins
  std::string check_endpoint = "/health";  // trimmed; "none" = no health check
  seconds ttl{0};                // effective; 0 = never
  seconds unload_timeout{10};    // effective
  seconds health_check_timeout{120};
  StopScope stop_scope = StopScope::tree;  // key stopScope (ours)
  bool unlisted = false;
  std::string use_model_name;
  std::string name, description;
  int concurrency_limit = 10;  // effective, > 0
  Filters filters;
  std::optional<Json> metadata;  // an object
  bool send_loading_state = false;  // effective
  Timeouts timeouts;
  bool ignore_websockets = false;
  Capabilities capabilities;
  std::optional<int> port;  // what ${PORT} became, if cmd uses it
  bool operator==(const Model&) const = default;
};

struct Group {
  std::string id;
  bool swap = true;
  bool exclusive = true;
  bool persistent = false;
  std::vector<std::string> members;  // real model ids
};

struct Matrix {  // section 7.4; expressions are text here, checked when loaded (matrix_sets.h)
  std::vector<std::pair<std::string, std::string>> vars;  // short name -> model id
  std::map<std::string, std::int64_t> evict_costs;        // model id -> cost
  std::vector<std::pair<std::string, std::string>> sets;  // natural key order (7.4)
};

struct Peer {
  std::string id;
  std::string proxy;
  std::string ca_file;  // key caFile (ours); empty: none
  std::vector<std::string> models;
  std::string api_key;
  std::vector<std::string> allow_paths;  // RE2 patterns
  Filters filters;
  Timeouts timeouts;  // response_header defaults to 60 s
};

enum class Strategy { warm, pin, spillover };
struct Selector {
  std::string id;
  Strategy strategy = Strategy::pin;
  std::vector<std::string> targets;
  int spillover = 1;
  milliseconds retry_after{30000};  // 0: no target is ever passed over
  std::string name, description;
  bool unlisted = false;
  std::optional<Json> metadata;
};

struct Profile {
  std::string name, description;
  std::vector<std::pair<std::string, std::string>> pins;  // requested name -> target; "" disables the name
};

enum class LogTarget { proxy, upstream, both, none };
enum class LogLevel { debug, info, warn, error };
enum class LogFormat { text, json };

// Ours: routing.scheduler.settings.fifo.maxWait. Not given: the larger of 30 s and twice the measured load time of
// the models involved. Given as 0: never, as in the original.
struct Scheduling {
  std::map<std::string, int> priority;  // real id -> priority
  std::optional<milliseconds> max_wait;
  milliseconds min_residency{0};
};

// What the holder of a key may do; each role includes those before it. docs/security.md has the table.
enum class Role { user, operating, admin };

// A key with a name (an entry of apiKeys that is no plain text). Never forwarded.
struct NamedKey {
  std::string name;  // for log and displays; without spaces and control characters
  util::Sha256 digest{};
  std::string text;  // the key; empty where only its digest is known
  Role role = Role::user;
  std::vector<std::string> models;  // patterns (*, ?) of real ids and full names of peer models; empty: all
  bool may_swap = true;
};

// Ours: what captureBuffer is for (21).
struct Captures {
  bool enabled = true;
  std::vector<std::string> models;  // patterns (*, ?) of real ids and full names of peer models; empty: all
  std::vector<std::string> redact;  // names of headers, beside those that are always redacted
  std::int64_t max_item_mib = 32;   // of one body
  bool operator==(const Captures&) const = default;
};

// Where spans go (ours).
struct Tracing {
  std::string endpoint;  // an http or https URL: OTLP over HTTP, in JSON
  std::string ca_file;   // empty: none
  std::vector<std::pair<std::string, std::string>> headers;  // sent along; values may be secret
  std::string service_name = "llama-swap";
  double sample = 1;  // share of the traces that begin here, 0 to 1
  std::size_t max_queue = 2048;  // spans
  bool operator==(const Tracing&) const = default;
};

struct Config {
  std::map<std::string, Model> models;  // byte order of id
  std::map<std::string, std::string> aliases;  // alias -> real id; a real id is not in here
  std::vector<Group> groups;  // every model in exactly one, "(default)" included; in file order, "(default)" last
  std::optional<Matrix> matrix;  // set: matrix router, groups are ignored
  Scheduling scheduling;
  std::map<std::string, Peer> peers;
  std::map<std::string, Selector> selectors;
  std::map<std::string, Profile> profiles;
  std::vector<std::string> preload;  // real ids, in order
  std::vector<std::string> ignore_paths;  // RE2 patterns
  bool filter_upstream = true;  // key upstream.filterUpstream (ours)
  std::vector<std::string> listen;           // util::ListenAddress (ours)
  std::vector<std::string> upstream_listen;  // the same, for /upstream/ and /comfyui/ only (ours)
  std::vector<std::string> api_keys;  // those that are plain texts: they may do everything, and are forwarded
  std::vector<NamedKey> named_keys;
  std::vector<std::string> allowed_origins;  // "*", "null", or scheme://host[:port] in lower case, default port left out
  std::vector<std::string> allowed_hosts;    // "*", "*.example.org" or a host name, in lower case
  std::optional<std::vector<std::string>> trusted_proxies;  // addresses and networks; nothing: everybody is believed
  bool sandbox_upstream = false;

  LogLevel log_level = LogLevel::info;
  std::string log_time_format;  // lower case, one of the names of runtime 14, or empty
  LogTarget log_to_stdout = LogTarget::proxy;
  LogFormat log_format = LogFormat::text;  // key logFormat (ours)
  bool loading_state_everywhere = false;  // key loadingStateOn (ours); else on chat completions only
  bool include_aliases_in_list = false;
  int metrics_max_in_memory = 1000;
  std::int64_t capture_buffer_mib = 5;  // 0 or less: nothing is captured
  Captures captures;
  bool record_activity = true;  // key activity.enabled (ours)
  std::optional<std::string> store_path;
  std::vector<std::string> session_id_headers{"X-Session-ID", "X-Litellm-Session-Id"};
  std::optional<Tracing> tracing;
  bool performance_disabled = false;
  milliseconds performance_every{5000};
  std::uint64_t max_request_body = std::uint64_t{1} << 30;  // bytes; key maxRequestBody (ours)
  std::uint64_t body_memory = std::uint64_t{256} << 20;     // bytes; key bodyMemory (ours): all bodies held in memory together

  // The model a name means: a real id, or an alias. Null: neither. The pointer lives as long as this Config.
  const Model* find_model(std::string_view name) const;
};

using ConfigPtr = std::shared_ptr<const Config>;

}  // namespace llama_swap::config
