#include "config/keys.h"

#include <algorithm>
#include <array>

namespace llama_swap::config {
namespace {

constexpr Key at_least(std::int64_t least, Key key) {
  key.least = least;
  return key;
}
constexpr Key not_used_yet(Key key) {
  key.unused = true;
  return key;
}

// The innermost sections come first, as each refers to those within it.

constexpr auto kTimeouts = std::to_array<Key>({
    {"connect", Type::integer, "30", "Seconds to wait for a connection; 0: no limit."},
    {"keepalive", Type::integer, "30",
     "Seconds between TCP keep-alive probes; 0: system default, negative: off."},
    {"responseHeader", Type::integer, "0",
     "Seconds to wait for the head of an answer; 0: no limit."},
    {"tlsHandshake", Type::integer, "10", "Seconds for the TLS handshake; 0: no limit."},
    not_used_yet(
        {"expectContinue", Type::integer, "1", "Seconds to wait for a 100-continue answer."}),
    {"idleConn", Type::integer, "90", "Seconds an unused connection is kept; 0: no limit."},
});
constexpr Section kTimeoutsSection{kTimeouts};

constexpr auto kPeerTimeouts = [] {
  auto keys = kTimeouts;
  for (Key& key : keys)
    if (key.name == "responseHeader") key.initial = "60";
  return keys;
}();
constexpr Section kPeerTimeoutsSection{kPeerTimeouts};

constexpr auto kFilters = std::to_array<Key>({
    {"stripParams", Type::string, "", "Comma separated parameters that are removed from requests."},
    {"setParams", Type::value_map, "",
     "Parameters that are set in requests, whatever the client sent."},
    {"setParamsByID", Type::value_maps, "",
     "The same by the name that was requested; of a model, each name becomes an alias."},
    {"strip_params", Type::string, "", "Old name of stripParams; counts only where that is empty."},
});
constexpr Section kFiltersSection{kFilters};
constexpr Section kPeerFiltersSection{std::span(kFilters).first(3)};

constexpr auto kCapabilities = std::to_array<Key>({
    {"in", Type::strings, "", "What the model takes.", "text audio image"},
    {"out", Type::strings, "", "What the model gives.", "text audio image"},
    {"tools", Type::boolean, "false", "The model can call tools."},
    {"reranker", Type::boolean, "false", "The model ranks documents."},
    at_least(0, {"context", Type::integer, "0", "Size of the context in tokens; 0: not told."}),
});
constexpr Section kCapabilitiesSection{kCapabilities};

constexpr auto kCompat = std::to_array<Key>({
    {"ignoreWebsockets", Type::boolean, "false",
     "Websockets neither load the model nor keep it loaded."},
});
constexpr Section kCompatSection{kCompat};

constexpr auto kModel = std::to_array<Key>({
    {"cmd", Type::string, "", "The command that starts the model server."},
    {"cmdStop", Type::string, "",
     "The command that stops it; ${PID} is its process ID. Empty: SIGTERM."},
    {"proxy", Type::string, "http://localhost:${PORT}", "Where the model server listens."},
    {"caFile", Type::string, "",
     "PEM file of certificates that are trusted beside the system's, where proxy is https."},
    {"aliases", Type::strings, "", "Other names of the model."},
    {"env", Type::strings, "", "NAME=value pairs added to the environment of the command."},
    {"checkEndpoint", Type::string, "/health",
     "Path that answers 200 when the model is ready; none: no check."},
    at_least(-1,
             {"ttl", Type::integer, "-1",
              "Seconds without requests until the model is unloaded; 0: never, -1: globalTTL."}),
    at_least(0, {"unloadTimeout", Type::integer, "0",
                 "Seconds for a graceful stop; 0: the global value."}),
    {"stopScope", Type::string, "tree",
     "What a stop reaches: all descendants, or only the process group.", "tree group"},
    {"unlisted", Type::boolean, "false", "Keep the model out of the list of models."},
    {"useModelName", Type::string, "",
     "Name to send to the model server in place of the requested one."},
    {"name", Type::string, "", "Name in the list of models."},
    {"description", Type::string, "", "Description in the list of models."},
    {"concurrencyLimit", Type::integer, "0",
     "Requests at the same time, waiting ones included; 0: 10."},
    {"filters", Type::section, "", "Changes to requests.", {}, &kFiltersSection},
    {"macros", Type::macros, "", "Macros of this model."},
    {"metadata", Type::value_map, "", "Anything; shown in the list of models."},
    {"sendLoadingState", Type::boolean, "",
     "Tell waiting clients about the loading; absent: the global value."},
    {"timeouts",
     Type::section,
     "",
     "Limits of connections to the model server.",
     {},
     &kTimeoutsSection},
    {"compat", Type::section, "", "Special treatment.", {}, &kCompatSection},
    {"capabilities",
     Type::section,
     "",
     "What the model can do; shown in the list of models.",
     {},
     &kCapabilitiesSection},
    {"healthCheckTimeout", Type::integer, "", "Accepted; the global value counts."},
});
constexpr Section kModelSection{kModel};

constexpr auto kGroup = std::to_array<Key>({
    {"swap", Type::boolean, "true", "Only one member runs at a time."},
    {"exclusive", Type::boolean, "true", "Starting a member stops the models of other groups."},
    {"persistent", Type::boolean, "false", "Other groups never stop the members."},
    {"members", Type::strings, "", "IDs of the models of the group."},
});
constexpr Section kGroupSection{kGroup};

constexpr auto kMatrix = std::to_array<Key>({
    {"vars", Type::string_map, "", "Short names of models."},
    at_least(1, {"evict_costs", Type::integer_map, "",
                 "What it costs to stop a model, by var or model ID; 1 where not given."}),
    {"sets", Type::string_map, "", "Which models may run together, as expressions."},
});
constexpr Section kMatrixSection{kMatrix};

constexpr auto kFifo = std::to_array<Key>({
    {"priority", Type::integer_map, "",
     "Priority of models in the queue; higher ones first, 0 where not given."},
    {"maxWait", Type::wait, "",
     "How long a request may be passed over by requests for running models; 0: for ever. Absent: "
     "the larger of 30 s "
     "and twice the time its model takes to load."},
    {"minResidency", Type::wait, "0", "How long a freshly loaded model may not be displaced."},
});
constexpr Section kFifoSection{kFifo};
constexpr auto kSchedulerSettings = std::to_array<Key>({
    {"fifo", Type::section, "", "Settings of the fifo scheduler.", {}, &kFifoSection},
});
constexpr Section kSchedulerSettingsSection{kSchedulerSettings};
constexpr auto kScheduler = std::to_array<Key>({
    {"use", Type::string, "fifo", "The scheduler.", "fifo"},
    {"settings", Type::section, "", "Settings by scheduler.", {}, &kSchedulerSettingsSection},
});
constexpr Section kSchedulerSection{kScheduler};

constexpr auto kRouterSettings = std::to_array<Key>({
    {"groups", Type::sections, "", "Groups of models, for the group router.", {}, &kGroupSection},
    {"matrix", Type::section, "", "Sets of models, for the matrix router.", {}, &kMatrixSection},
});
constexpr Section kRouterSettingsSection{kRouterSettings};
constexpr auto kRouter = std::to_array<Key>({
    {"use", Type::string, "group", "The router: what may run together.", "group matrix"},
    {"settings", Type::section, "", "Settings by router.", {}, &kRouterSettingsSection},
});
constexpr Section kRouterSection{kRouter};
constexpr auto kRouting = std::to_array<Key>({
    {"scheduler", Type::section, "", "Who is served next.", {}, &kSchedulerSection},
    {"router", Type::section, "", "Which models may run together.", {}, &kRouterSection},
});
constexpr Section kRoutingSection{kRouting};

constexpr auto kProfile = std::to_array<Key>({
    {"description", Type::string, "", "What the profile is for."},
    {"pins", Type::string_map, "",
     "Requested name to the model, peer model or selector that serves it; empty: disabled."},
});
constexpr Section kProfileSection{kProfile};

constexpr auto kSelectorSettings = std::to_array<Key>({
    {"spillover", Type::integer, "1",
     "Requests in flight at a target before the next one is used, at least 1."},
    {"retryAfter", Type::wait, "30s",
     "How long a target that could not be reached is passed over; 0: never, and a request that "
     "meets one fails."},
});
constexpr Section kSelectorSettingsSection{kSelectorSettings};
constexpr auto kSelector = std::to_array<Key>({
    {"strategy", Type::string, "", "How a target is chosen.", "warm pin spillover"},
    {"targets", Type::strings, "", "Models and peer models, in order of preference."},
    {"settings", Type::section, "", "Settings of the choice.", {}, &kSelectorSettingsSection},
    {"name", Type::string, "", "Name in the list of models."},
    {"description", Type::string, "", "Description in the list of models."},
    {"unlisted", Type::boolean, "false", "Keep the selector out of the list of models."},
    {"metadata", Type::value_map, "", "Anything; shown in the list of models."},
});
constexpr Section kSelectorSection{kSelector};

constexpr auto kPeer = std::to_array<Key>({
    {"proxy", Type::string, "", "Base URL of the other server."},
    {"caFile", Type::string, "",
     "PEM file of certificates that are trusted beside the system's, where proxy is https."},
    {"models", Type::strings, "", "Models it serves."},
    {"apiKey", Type::string, "", "Key sent to it."},
    {"allowPaths", Type::strings, "",
     "Patterns (RE2) of paths after /upstream/MODEL that are passed on to it besides the endpoints "
     "of models."},
    {"filters", Type::section, "", "Changes to requests.", {}, &kPeerFiltersSection},
    {"timeouts", Type::section, "", "Limits of connections to it.", {}, &kPeerTimeoutsSection},
});
constexpr Section kPeerSection{kPeer};

constexpr auto kStore = std::to_array<Key>({
    {"path", Type::string, "", "File of the activity database."},
});
constexpr Section kStoreSection{kStore};
constexpr auto kActivity = std::to_array<Key>({
    {"enabled", Type::boolean, "true", "Record requests: who asked, what for, what became of it."},
});
constexpr Section kActivitySection{kActivity};
constexpr auto kCaptures = std::to_array<Key>({
    {"enabled", Type::boolean, "true", "Capture requests at all."},
    {"models", Type::strings, "",
     "Patterns (*, ?) of the models whose requests are captured, by ID or PEER/MODEL; absent: all."},
    {"redact", Type::strings, "",
     "More headers whose values nobody is shown, in captures as in the list of running requests."},
    at_least(1, {"maxItem", Type::integer, "",
                 "MiB of one body; a larger one is left out. Absent: 32, or captureBuffer if that is "
                 "more."}),
});
constexpr Section kCapturesSection{kCaptures};
constexpr auto kUiActivity = std::to_array<Key>({
    {"session_id", Type::strings, "[X-Session-ID, X-Litellm-Session-Id]",
     "Request headers searched for a session ID, in order; empty: none."},
});
constexpr Section kUiActivitySection{kUiActivity};
constexpr auto kUi = std::to_array<Key>({
    {"activity", Type::section, "", "The activity page.", {}, &kUiActivitySection},
});
constexpr Section kUiSection{kUi};
constexpr auto kPerformance = std::to_array<Key>({
    {"disabled", Type::boolean, "false", "No monitoring of the machine."},
    {"every", Type::duration, "5s", "Time between samples, at least 5s."},
});
constexpr Section kPerformanceSection{kPerformance};
constexpr auto kTracing = std::to_array<Key>({
    {"endpoint", Type::string, "",
     "The collector: the URL that takes traces by OTLP/HTTP in JSON; empty: nothing is traced."},
    {"caFile", Type::string, "",
     "PEM file of certificates that are trusted beside the system's, where endpoint is https."},
    {"headers", Type::string_map, "", "Header fields sent to it, for its keys, say."},
    {"serviceName", Type::string, "llama-swap", "What this server is called in traces."},
    {"sample", Type::string, "1",
     "The share, 0 to 1, of the requests that are traced; those of a trace follow its sender."},
    at_least(1, {"maxQueue", Type::integer, "2048",
                 "Spans that may wait to be sent; more are dropped."}),
});
constexpr Section kTracingSection{kTracing};
constexpr auto kOnStartup = std::to_array<Key>({
    {"preload", Type::strings, "", "Models that are started, in order, after (re)loading."},
});
constexpr Section kOnStartupSection{kOnStartup};
constexpr auto kHooks = std::to_array<Key>({
    {"on_startup", Type::section, "", "At the start and after a reload.", {}, &kOnStartupSection},
});
constexpr Section kHooksSection{kHooks};
constexpr auto kUpstream = std::to_array<Key>({
    {"ignorePaths", Type::strings, R"(['.*\.(js|json|css|png|gif|jpg|jpeg|ico|txt)$'])",
     "Patterns (RE2) of paths after /upstream/MODEL that do not load the model."},
    {"sandbox", Type::boolean, "false",
     "Keep scripts of pages below /upstream/ and /comfyui/ away from everything else here."},
    {"filterUpstream", Type::boolean, "true",
     "Filters and useModelName also hold for /upstream/MODEL/PATH, where PATH is that of a model "
     "endpoint."},
});
constexpr Section kUpstreamSection{kUpstream};

constexpr auto kApiKey = std::to_array<Key>({
    {"key", Type::string, "", "The key."},
    {"keyFile", Type::string, "",
     "A file whose first line is the key; relative to the folder of the configuration."},
    {"sha256", Type::string, "", "The SHA-256 digest of the key, in hexadecimal digits."},
    {"name", Type::string, "", "Who uses it: shown in logs, in place of the key."},
    {"role", Type::string, "user", "What it opens.", "user operator admin"},
    {"models", Type::strings, "",
     "Patterns (*, ?) of the models it opens, by ID or PEER/MODEL; absent: all."},
    {"maySwap", Type::boolean, "true", "Its requests may cause the stop of other models."},
});
constexpr Section kApiKeySection{kApiKey};

constexpr auto kRoot = std::to_array<Key>({
    {"healthCheckTimeout", Type::integer, "120",
     "Seconds a model may take to become ready; less than 15 counts as 15."},
    {"logLevel",
     Type::string,
     "info",
     "The least important lines that are logged.",
     {},
     nullptr,
     "debug info warn error"},
    {"logTimeFormat",
     Type::string,
     "",
     "The time in log lines; empty: no time.",
     {},
     nullptr,
     "ansic unixdate rubydate rfc822 rfc822z rfc850 rfc1123 rfc1123z rfc3339 rfc3339nano kitchen "
     "stamp stampmilli stampmicro stampnano"},
    {"logToStdout", Type::string, "proxy", "Which logs go to standard output.",
     "proxy upstream both none"},
    {"logFormat", Type::string, "text", "What a line is: text, or a JSON object.", "text json"},
    {"logRequests", Type::boolean, "false", "Accepted, no effect."},
    {"activity", Type::section, "", "The record of requests.", {}, &kActivitySection},
    {"metricsMaxInMemory", Type::integer, "1000",
     "Activity rows kept where there is no store; 0 or less: 1000."},
    {"captureBuffer", Type::integer, "5",
     "MiB for captured requests and answers, compressed; 0: none are captured."},
    {"captures", Type::section, "", "Which requests are captured, and what of them.", {},
     &kCapturesSection},
    at_least(1, {"maxRequestBody", Type::size, "1GiB", "Largest request body that is accepted."}),
    at_least(1, {"bodyMemory", Type::size, "256MiB",
                 "Memory for all request bodies together; more goes to disk or waits."}),
    {"store",
     Type::section,
     "",
     "The persistent activity log; absent: in memory.",
     {},
     &kStoreSection},
    {"ui", Type::section, "", "The web console.", {}, &kUiSection},
    {"performance", Type::section, "", "Monitoring of the machine.", {}, &kPerformanceSection},
    {"tracing",
     Type::section,
     "",
     "Traces of requests for OpenTelemetry.",
     {},
     &kTracingSection},
    at_least(1, {"startPort", Type::integer, "5800", "The first ${PORT}."}),
    at_least(0, {"globalTTL", Type::integer, "0",
                 "Seconds without requests until a model is unloaded; 0: never."}),
    at_least(0, {"unloadTimeout", Type::integer, "10", "Seconds for a graceful stop; 0: 10."}),
    {"sendLoadingState", Type::boolean, "false", "Tell waiting clients about the loading."},
    {"loadingStateOn", Type::string, "chat",
     "Where: /v1/chat/completions only, or all streams of chats, completions, responses, messages.",
     "chat all"},
    {"includeAliasesInList", Type::boolean, "false", "List aliases as models of their own."},
    {"listen", Type::strings, "",
     "Addresses to listen on, host:port or unix:/path, in addition to -listen; empty: as the "
     "command line says."},
    {"upstreamListen", Type::strings, "",
     "Addresses that serve /upstream/ and /comfyui/ only: another origin than the console's."},
    {"apiKeys", Type::records, "", "Keys of clients; empty: none is needed.", {}, &kApiKeySection},
    {"allowedOrigins", Type::strings, "",
     "Origins of web pages that may manage this server, as https://host:port; *: all."},
    {"allowedHosts", Type::strings, "",
     "More names by which browsers may reach this server; *.example.org: all below, *: any."},
    {"trustedProxies", Type::strings, "",
     "Addresses and networks whose X-Forwarded-For is believed; absent: everybody's."},
    {"macros", Type::macros, "", "Texts and values to be used as ${name}."},
    {"models", Type::sections, "", "The models, by ID.", {}, &kModelSection},
    {"groups",
     Type::sections,
     "",
     "Old place of routing.router.settings.groups.",
     {},
     &kGroupSection},
    {"matrix",
     Type::section,
     "",
     "Old place of routing.router.settings.matrix.",
     {},
     &kMatrixSection},
    {"routing", Type::section, "", "Scheduler and router.", {}, &kRoutingSection},
    {"profiles", Type::sections, "", "Sets of pins that can be switched.", {}, &kProfileSection},
    {"selectors",
     Type::sections,
     "",
     "Names that stand for several models.",
     {},
     &kSelectorSection},
    {"peers", Type::sections, "", "Other servers whose models can be used.", {}, &kPeerSection},
    {"hooks", Type::section, "", "What happens on events.", {}, &kHooksSection},
    {"upstream", Type::section, "", "Direct access to model servers.", {}, &kUpstreamSection},
});
constexpr Section kRootSection{kRoot};

}  // namespace

const Key* Section::find(std::string_view name) const {
  const auto found = std::ranges::find(keys, name, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

const Section& root_section() {
  return kRootSection;
}
const Section& model_section() {
  return kModelSection;
}

}  // namespace llama_swap::config
