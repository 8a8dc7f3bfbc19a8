// Settings that concern no model in particular (5.1).
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "config/decode.h"
#include "util/listen_address.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

constexpr std::chrono::seconds kMinPerformanceInterval{5};
constexpr int kMetricsDefault = 1000;

LogLevel log_level(const std::string& level) {
  if (level == "debug") return LogLevel::debug;
  if (level == "warn") return LogLevel::warn;
  if (level == "error") return LogLevel::error;
  return LogLevel::info;
}

LogTarget log_target(const std::string& text) {
  if (text == "upstream") return LogTarget::upstream;
  if (text == "both") return LogTarget::both;
  if (text == "none") return LogTarget::none;
  return LogTarget::proxy;
}

// Whether the database could be opened there. Empty: yes.
std::string store_fault(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return fmt::format("{} is a directory", path);
    return ::access(path.c_str(), W_OK) == 0 ? "" : fmt::format("{} is not writable", path);
  }
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string directory = parent.empty() ? "." : parent.string();
  if (::stat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))
    return fmt::format("{} is not writable: directory {} does not exist", path, directory);
  return ::access(directory.c_str(), W_OK) == 0
             ? ""
             : fmt::format("{} is not writable: directory {}", path, directory);
}

void read_store(const Reader& root, Config& config) {
  if (!root.has("store")) return;
  const Reader store = root.section("store");
  const std::string path(util::trim(store.string("path")));
  if (path.empty()) return store.error("path", "must not be empty");
  if (const std::string fault = store_fault(path); !fault.empty())
    return store.error("path", fault);
  config.store_path = path;
}

void read_performance(const Reader& performance, Config& config) {
  config.performance_disabled = performance.boolean("disabled");
  const auto every = performance.duration("every").value_or(kMinPerformanceInterval);
  if (every != every.zero() && every < kMinPerformanceInterval)
    return performance.error("every", "the minimum is 5s");
  config.performance_every = every == every.zero()
                                 ? milliseconds(kMinPerformanceInterval)
                                 : std::chrono::duration_cast<milliseconds>(every);
}

void read_session_headers(const Reader& activity, Config& config) {
  config.session_id_headers.clear();
  for (const std::string& item : activity.strings("session_id")) {
    const std::string name(util::trim(item));
    const bool known =
        std::ranges::any_of(config.session_id_headers,
                            [&](const std::string& other) { return util::iequals(name, other); });
    if (!name.empty() && !known) config.session_id_headers.push_back(name);
  }
}

// Without what is blank.
std::vector<std::string> trimmed(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts)
    if (const std::string_view rest = util::trim(text); !rest.empty()) out.emplace_back(rest);
  return out;
}

void read_captures(const Reader& root, Config& config) {
  config.capture_buffer_mib = root.integer("captureBuffer");
  const Reader captures = root.section("captures");
  config.captures.enabled = captures.boolean("enabled");
  config.captures.models = trimmed(captures.strings("models"));
  config.captures.redact = trimmed(captures.strings("redact"));
  // Text that does not fit 32 MiB does not fit the buffer when it is compressed.
  config.captures.max_item_mib = captures.has("maxItem")
                                     ? captures.integer("maxItem")
                                     : std::max<std::int64_t>(32, config.capture_buffer_mib);
}

std::vector<std::string> read_addresses(const Reader& root, std::string_view key) {
  std::vector<std::string> addresses;
  for (const auto& address : root.placed_strings(key)) {
    const auto parsed = util::parse_listen_address(address.value);
    if (!parsed) {
      root.error_at(address.at, key,
                    fmt::format("invalid address {}: {}", in_quotes(address.value),
                                parsed.error().message));
    } else if (std::ranges::find(addresses, address.value) == addresses.end()) {
      addresses.push_back(address.value);
    }
  }
  return addresses;
}

}  // namespace

void read_global_settings(const Reader& root, Config& config) {
  config.log_level = log_level(root.word("logLevel"));
  config.log_time_format = root.word("logTimeFormat");
  config.log_to_stdout = log_target(root.choice("logToStdout"));
  config.log_format = root.choice("logFormat") == "json" ? LogFormat::json : LogFormat::text;
  root.boolean("logRequests");
  const int metrics = saturated(root.integer("metricsMaxInMemory"));
  config.metrics_max_in_memory = metrics > 0 ? metrics : kMetricsDefault;
  read_captures(root, config);
  config.loading_state_everywhere = root.choice("loadingStateOn") == "all";
  config.include_aliases_in_list = root.boolean("includeAliasesInList");
  config.max_request_body = root.size("maxRequestBody");
  config.body_memory = root.size("bodyMemory");
  root.integer("startPort");  // has been used already (templates.cc)
  config.record_activity = root.section("activity").boolean("enabled");
  read_store(root, config);
  read_performance(root.section("performance"), config);
  read_session_headers(root.section("ui").section("activity"), config);
  config.listen = read_addresses(root, "listen");
  config.upstream_listen = read_addresses(root, "upstreamListen");

  const Reader upstream = root.section("upstream");
  config.filter_upstream = upstream.boolean("filterUpstream");
  config.sandbox_upstream = upstream.boolean("sandbox");
  config.ignore_paths = read_patterns(upstream, "ignorePaths");
  // An empty list cannot switch the default off.
  if (config.ignore_paths.empty())
    config.ignore_paths = read_patterns(upstream.defaults(), "ignorePaths");
}

}  // namespace llama_swap::config
