// The top-level keys (5.1), the typing rules (5.0), and how problems are reported.
#include <filesystem>
#include <fstream>

#include "config/test_support.h"

namespace llama_swap::config {
namespace {

TEST(Globals, EmptyConfigurationsHaveAllDefaults) {
  for (const char* text :
       {"", "# nothing\n", "{}", "[]", "text", "---\n# x\n", "models:", "unknown: 1"}) {
    const auto config = accepted(text);
    EXPECT_TRUE(config->models.empty());
    ASSERT_EQ(config->groups.size(), 1u);
    EXPECT_EQ(config->groups[0].id, "(default)");
    EXPECT_EQ(config->log_level, LogLevel::info);
    EXPECT_EQ(config->log_time_format, "");
    EXPECT_EQ(config->log_to_stdout, LogTarget::proxy);
    EXPECT_EQ(config->log_format, LogFormat::text);
    EXPECT_EQ(config->metrics_max_in_memory, 1000);
    EXPECT_EQ(config->capture_buffer_mib, 5);
    EXPECT_EQ(config->captures, Captures());
    EXPECT_EQ(config->max_request_body, std::uint64_t{1} << 30);
    EXPECT_EQ(config->body_memory, std::uint64_t{256} << 20);
    EXPECT_EQ(config->store_path, std::nullopt);
    EXPECT_EQ(config->session_id_headers,
              (std::vector<std::string>{"X-Session-ID", "X-Litellm-Session-Id"}));
    EXPECT_FALSE(config->performance_disabled);
    EXPECT_EQ(config->performance_every, seconds(5));
    EXPECT_FALSE(config->include_aliases_in_list);
    EXPECT_FALSE(config->loading_state_everywhere);
    EXPECT_TRUE(config->api_keys.empty());
    EXPECT_TRUE(config->preload.empty());
    EXPECT_EQ(config->ignore_paths,
              std::vector<std::string>{R"(.*\.(js|json|css|png|gif|jpg|jpeg|ico|txt)$)"});
    EXPECT_FALSE(config->matrix);
    EXPECT_FALSE(config->scheduling.max_wait);
    EXPECT_EQ(config->scheduling.min_residency, milliseconds(0));
  }
  accepted_all({"# a", "{}", ""});
}

TEST(Globals, NullKeepsTheDefault) {
  const auto config = accepted(
      "logLevel: ~\nperformance:\nui: {activity: ~}\nstore: null\nstartPort:\nlogToStdout: null\n"
      "captureBuffer: ~\nrouting:\nhooks: ~\nupstream: {ignorePaths: ~}\nmaxRequestBody: ~");
  EXPECT_EQ(config->capture_buffer_mib, 5);
  EXPECT_EQ(config->session_id_headers.size(), 2u);
  EXPECT_EQ(config->ignore_paths.size(), 1u);
}

TEST(Globals, Values) {
  const auto config = accepted(R"(
logLevel: " WARN "
logTimeFormat: RFC3339Nano
logToStdout: both
logFormat: json
logRequests: true
metricsMaxInMemory: 0x10
captureBuffer: -1
maxRequestBody: 64MiB
bodyMemory: 1048576
performance: {disabled: yes, every: 2m5s, enabled: maybe}
includeAliasesInList: on
loadingStateOn: all
apiKeys: [a, "b#c", 010, ~, 1.0, true, 2024-01-02]
listen: [":80", "unix:/run/x.sock", ":80"]
upstreamListen: ["[::1]:81"]
upstream: {ignorePaths: ["^/x", y], filterUpstream: off}
)");
  EXPECT_EQ(config->log_level, LogLevel::warn);
  EXPECT_EQ(config->log_time_format, "rfc3339nano");
  EXPECT_EQ(config->log_to_stdout, LogTarget::both);
  EXPECT_EQ(config->log_format, LogFormat::json);
  EXPECT_EQ(config->metrics_max_in_memory, 16);
  EXPECT_EQ(config->capture_buffer_mib, -1);
  EXPECT_EQ(config->max_request_body, 64u << 20);
  EXPECT_EQ(config->body_memory, 1u << 20);
  EXPECT_TRUE(config->performance_disabled);
  EXPECT_EQ(config->performance_every, seconds(125));
  EXPECT_TRUE(config->include_aliases_in_list);
  EXPECT_TRUE(config->loading_state_everywhere);
  EXPECT_EQ(config->api_keys,
            (std::vector<std::string>{"a", "b#c", "8", "1", "true", "2024-01-02T00:00:00Z"}));
  EXPECT_EQ(config->listen, (std::vector<std::string>{":80", "unix:/run/x.sock"}));
  EXPECT_EQ(config->upstream_listen, std::vector<std::string>{"[::1]:81"});
  EXPECT_EQ(config->ignore_paths, (std::vector<std::string>{"^/x", "y"}));
  EXPECT_FALSE(config->filter_upstream);
}

TEST(Globals, LenientWords) {
  EXPECT_EQ(accepted("logLevel: loud")->log_level, LogLevel::info);
  EXPECT_EQ(accepted("logLevel: Debug")->log_level, LogLevel::debug);
  EXPECT_EQ(accepted("logLevel: error")->log_level, LogLevel::error);
  EXPECT_EQ(accepted("logTimeFormat: iso")->log_time_format, "");
  EXPECT_EQ(accepted("logTimeFormat: ' Kitchen'")->log_time_format, "kitchen");
  for (const char* format :
       {"ansic", "unixdate", "rubydate", "rfc822", "rfc822z", "rfc850", "rfc1123", "rfc1123z",
        "rfc3339", "rfc3339nano", "kitchen", "stamp", "stampmilli", "stampmicro", "stampnano"})
    EXPECT_EQ(accepted(std::string("logTimeFormat: ") + format)->log_time_format, format);
  EXPECT_EQ(accepted("logToStdout: upstream")->log_to_stdout, LogTarget::upstream);
  EXPECT_EQ(accepted("logToStdout: none")->log_to_stdout, LogTarget::none);
  EXPECT_EQ(accepted("metricsMaxInMemory: 0")->metrics_max_in_memory, 1000);
  EXPECT_TRUE(accepted("activity: {}")->record_activity);
  EXPECT_FALSE(accepted("activity: {enabled: false}")->record_activity);
  EXPECT_EQ(accepted("performance: {every: 0s}")->performance_every, seconds(5));
  EXPECT_EQ(accepted("performance: {every: 5001ms}")->performance_every, milliseconds(5001));
  EXPECT_EQ(accepted("upstream: {ignorePaths: []}")->ignore_paths.size(), 1u);
  EXPECT_TRUE(accepted("upstream: {ignorePaths: []}")->filter_upstream);
  EXPECT_EQ(accepted("captureBuffer: 7.9")->capture_buffer_mib, 7);
}

TEST(Globals, Captures) {
  const auto config = accepted(
      "captures: {enabled: off, models: [' a*', '', hub/b], redact: [X-Mine, ' '], maxItem: 2}");
  EXPECT_FALSE(config->captures.enabled);
  EXPECT_EQ(config->captures.models, (std::vector<std::string>{"a*", "hub/b"}));
  EXPECT_EQ(config->captures.redact, std::vector<std::string>{"X-Mine"});
  EXPECT_EQ(config->captures.max_item_mib, 2);
  EXPECT_EQ(accepted("captureBuffer: 100")->captures.max_item_mib, 100) << "what fits is captured";
  EXPECT_EQ(accepted("captureBuffer: -1\ncaptures: ~")->captures.max_item_mib, 32);
  EXPECT_EQ(accepted("captures: {maxItem: ~}")->captures.max_item_mib, 32);
  expect_refused("captures: {maxItem: 0}", {"captures.maxItem", "at least 1"});
}

TEST(Globals, SessionHeaders) {
  EXPECT_EQ(accepted("ui: {activity: {session_id: [' X-Trace ', '', x-trace, X-Sess]}}")
                ->session_id_headers,
            (std::vector<std::string>{"X-Trace", "X-Sess"}));
  EXPECT_TRUE(accepted("ui: {activity: {session_id: []}}")->session_id_headers.empty());
  EXPECT_TRUE(accepted("ui: {activity: {session_id: ~}}")->session_id_headers.empty());
}

TEST(Globals, Refused) {
  const std::vector<Refused> cases = {
      {"globalTTL: -1", {"globalTTL"}},
      {"globalTTL: \"90\"", {"globalTTL", "90", "integer"}},
      {"globalTTL: true", {"globalTTL", "integer"}},
      {"globalTTL: 99999999999999999999", {"globalTTL", "integer"}},
      {"unloadTimeout: -1", {"unloadTimeout"}},
      {"startPort: 0", {"startPort"}},
      {"startPort: soon", {"startPort", "soon", "integer"}},
      {"logToStdout: Both", {"logToStdout", "proxy", "upstream", "both", "none"}},
      {"logFormat: JSON", {"logFormat", "text", "json"}},
      {"logToStdout: \"\"", {"logToStdout", "proxy", "upstream", "both", "none"}},
      {"logLevel: [a]", {"logLevel", "string", "list"}},
      {"logLevel: {a: b}", {"logLevel", "string", "mapping"}},
      {"includeAliasesInList: \"true\"", {"includeAliasesInList", "boolean"}},
      {"includeAliasesInList: 1", {"includeAliasesInList", "boolean"}},
      {"performance: {every: 4900ms}", {"performance.every", "5s"}},
      {"performance: {every: -1s}", {"performance.every", "5s"}},
      {"performance: {every: 30}", {"performance.every", "30", "duration"}},
      {"performance: {every: 0}", {"performance.every", "duration"}},
      {"performance: soon", {"performance", "mapping"}},
      {"apiKeys: ['']", {"apiKeys", "empty"}},
      {"apiKeys: [a, 'b c']", {"apiKeys", "1", "space"}},
      {"apiKeys: a", {"apiKeys", "list"}},
      {"apiKeys: [[a]]", {"apiKeys", "string"}},
      {"upstream: {ignorePaths: ['a(?=b)']}", {"upstream.ignorePaths", "a(?=b)"}},
      {"upstream: {ignorePaths: ['[']}", {"upstream.ignorePaths", "["}},
      {"store: {path: '  '}", {"store.path", "must not be empty"}},
      {"store: {}", {"store.path", "must not be empty"}},
      {"store: {path: ~}", {"store.path", "must not be empty"}},
      {"store: {path: [a]}", {"store.path", "string"}},
      {"store: {path: /}", {"store.path", "/", "directory"}},
      {"store: {path: /nonexistent-dir-zz/a.db}",
       {"store.path", "/nonexistent-dir-zz", "not writable"}},
      {"store: x", {"store", "mapping"}},
      {"ui: {activity: {session_id: X}}", {"ui.activity.session_id", "list"}},
      {"hooks: {on_startup: {preload: a}}", {"hooks.on_startup.preload", "list"}},
      {"models: [a]", {"models", "mapping"}},
      {"models: {owl: text}", {"models.owl", "mapping"}},
      {"maxRequestBody: much", {"maxRequestBody", "64MiB"}},
      {"maxRequestBody: 0", {"maxRequestBody", "at least"}},
      {"maxRequestBody: -1", {"maxRequestBody"}},
      {"bodyMemory: [1]", {"bodyMemory"}},
      {"bodyMemory: 1.5", {"bodyMemory"}},
  };
  for (const Refused& c : cases) expect_refused(c.text, c.words);
}

TEST(Globals, StoreInAnExistingDirectory) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "config_globals_test.db";
  const auto config = accepted("store: {path: ' " + path.string() + " '}");
  EXPECT_EQ(config->store_path, path.string());
  std::ofstream(path) << "x";
  EXPECT_EQ(accepted("store: {path: " + path.string() + "}")->store_path, path.string());
  expect_refused("store: {path: " + path.string() + "/a.db}",
                 {"store.path", path.string(), "not writable"});
  std::filesystem::remove(path);
  EXPECT_EQ(accepted("store: {path: a.db}")->store_path, "a.db");
}

TEST(Globals, Preload) {
  const auto config = accepted(
      "models: {owl: {proxy: p, aliases: [bird]}, fox: {proxy: p}}\nselectors: {s: {strategy: pin, "
      "targets: [owl]}}\n"
      "hooks: {on_startup: {preload: [fox, ' bird ', '', nobody, s, fox]}}");
  EXPECT_EQ(config->preload, (std::vector<std::string>{"fox", "owl", "fox"}));
}

TEST(Problems, AllIndependentErrorsAreToldInOrder) {
  const auto result =
      load_all({"startPort: 0\nmodels:\n  b: {proxy: p, ttl: -2}\n  a: {proxy: p, ttl: x, name: "
                "'${m}'}\nglobalTTL: -1"});
  std::vector<std::string> keys;
  for (const Problem& problem : result.problems) keys.push_back(problem.key);
  EXPECT_EQ(keys, (std::vector<std::string>{"startPort", "models.b.ttl", "models.a.ttl",
                                            "models.a.name", "globalTTL"}));
  EXPECT_FALSE(result.config);
}

TEST(Problems, OneMistakeIsToldOnce) {
  // A left placeholder is a wrong integer, too; a base that two models share has an unknown key
  // only once.
  EXPECT_EQ(load_all({"globalTTL: ${ghost}"}).problems.size(), 1u);
  EXPECT_EQ(load_all({"base: &b {proxy: p, zzz: 1}\nmodels: {a: *b, c: *b}"}).problems.size(), 1u);
  EXPECT_EQ(load_all({"peers: {p: {}}"}).problems.size(), 2u);  // two things are missing
}

TEST(Problems, UnknownKeysAreWarnings) {
  static const struct {
    const char* text;
    std::vector<std::string> warnings;  // key, or key>suggestion
  } cases[] = {
      {"x-anything: 1\nmodels: {owl: {proxy: p, x-own: 1}}", {}},
      {"base: &b {ttl: 4}\nmodels: {owl: {<<: *b, proxy: p}}", {}},
      {"base: {deep: [&b {ttl: 4}]}\nmodels: {owl: {<<: *b, proxy: p}}", {}},
      {"base: &b {ttl: 4}", {"base"}},
      {"healthcheckTimeout: 20", {"healthcheckTimeout>healthCheckTimeout"}},
      {"modles: {}", {"modles>models"}},
      {"zzz: 1", {"zzz"}},
      {"models: {owl: {proxy: p, check_endpoint: /, ttl_: 4, comand: x}}",
       {"models.owl.check_endpoint>checkEndpoint", "models.owl.ttl_>ttl", "models.owl.comand"}},
      {"models: {owl: {proxy: p, timeouts: {conect: 1}, filters: {setParam: {}}}}",
       {"models.owl.timeouts.conect>connect", "models.owl.filters.setParam>setParams"}},
      {"models: {owl: {proxy: p, metadata: {anything: 1}, filters: {setParams: {temprature: 1}}}}",
       {}},
      {"peers: {p: {proxy: h, models: [m], filters: {strip_params: x}}}",
       {"peers.p.filters.strip_params>stripParams"}},
      {"routing: {scheduler: {settings: {fifo: {maxwait: 1s}}}}",
       {"routing.scheduler.settings.fifo.maxwait>maxWait"}},
  };
  for (const auto& c : cases) {
    const auto result = load_all({c.text});
    EXPECT_TRUE(result.config) << result.text(Severity::error);
    std::vector<std::string> warnings;
    for (const Problem& problem : result.problems) {
      const auto hint = problem.message.find("did you mean ");
      warnings.push_back(problem.key);
      if (hint == std::string::npos) continue;
      const std::string rest = problem.message.substr(hint + 13);
      warnings.back() += ">" + rest.substr(0, rest.size() - 1);
    }
    EXPECT_EQ(warnings, c.warnings) << c.text;
  }
}

TEST(Problems, Text) {
  const auto result = load_all({"a: 1\n\tb"});
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].line, 2);

  const auto wide = load_all({"models: {'ä': {proxy: p, ttl: -2}}"});
  ASSERT_EQ(wide.problems.size(), 1u);
  EXPECT_EQ(wide.problems[0].text(),
            "1.yaml:1:31: models.ä.ttl: -2 is not allowed: must be at least -1\n"
            "    models: {'ä': {proxy: p, ttl: -2}}\n"
            "                                  ^");
  // Long lines are cut around the place.
  const auto far = load_all({"models: {owl: {proxy: " + std::string(300, 'p') +
                             ", ttl: -2, name: " + std::string(300, 'n') + "}}"});
  ASSERT_EQ(far.problems.size(), 1u);
  EXPECT_LT(far.problems[0].text().size(), 400u);
  // Keys of clients are not quoted.
  for (const char* text : {"apiKeys: [hush hush]", "apiKeys: hush",
                           "peers: {p: {proxy: h, models: [m], apiKey: [hush]}}"}) {
    const auto secret = load_all({text});
    ASSERT_EQ(secret.problems.size(), 1u) << text;
    EXPECT_EQ(secret.problems[0].text().find("hush"), std::string::npos) << text;
  }
  const auto conflict = load_all({"apiKeys: {a: hush}", "apiKeys: {a: hush-hush}"});
  ASSERT_EQ(conflict.problems.size(), 1u);
  EXPECT_EQ(conflict.problems[0].text().find("hush"), std::string::npos);
}

}  // namespace
}  // namespace llama_swap::config
