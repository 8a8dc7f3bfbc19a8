// What is accepted without a word (11), and where the behaviour of the original differs from its
// documentation (10): a configuration that runs there has to run here.
#include <fmt/format.h>

#include "config/test_support.h"

namespace llama_swap::config {
namespace {

// Accepted, and no warning about it either.
ConfigPtr silently(const std::string& text) {
  const LoadResult result = load_all({text});
  EXPECT_TRUE(result.problems.empty())
      << result.text(Severity::error) << result.text(Severity::warning) << "\nfor:\n"
      << text;
  return result.config ? result.config : std::make_shared<const Config>();
}
Model owl(const std::string& body) {
  return model_of(silently("models: {owl: {proxy: p, " + body + "}}"));
}

TEST(SpecLenient, Models) {
  EXPECT_EQ(owl("cmd: ''").cmd, "");
  EXPECT_EQ(owl("ttl: 1").cmd, "");
  EXPECT_EQ(owl("cmd: 'serve \"x'").cmd, "serve \"x");
  EXPECT_EQ(model_of(silently("models: {owl: {proxy: '', cmd: x}}")).proxy, "");
  EXPECT_EQ(owl("env: [no-sign, '=x', '', lower=1]").env.size(), 4u);
  EXPECT_EQ(owl("timeouts: {connect: -1, idleConn: -7}").timeouts.idle_connection, seconds(-7));
  EXPECT_EQ(owl("concurrencyLimit: -1").concurrency_limit, 10);
  EXPECT_EQ(owl("cmd: '${x.y} ${}'").cmd, "${x.y} ${}");
  EXPECT_EQ(owl("checkEndpoint: no-slash").check_endpoint, "no-slash");
  EXPECT_EQ(owl("filters: {stripParams: 'a b; $c'}").filters.strip_params,
            std::vector<std::string>{"a b; $c"});
  EXPECT_EQ(owl("capabilities: {context: 0}").capabilities.context, 0);
  EXPECT_TRUE(owl("capabilities: {in: [text, text], out: []}").capabilities.any());
  EXPECT_EQ(owl("healthCheckTimeout: -5").health_check_timeout, seconds(120));
  const std::string name(2000, 'n');
  EXPECT_EQ(owl("name: " + name + ", description: " + name).name, name);
  EXPECT_EQ(
      model_of(silently("startPort: 65535\nmodels: {a: {cmd: '${PORT}'}, b: {cmd: '${PORT}'}}"),
               "b")
          .port,
      65536);
  const auto config = silently("models: {a: {proxy: p, aliases: [b]}, b: {proxy: q}}");
  EXPECT_EQ(config->find_model("b")->id, "b");
  EXPECT_EQ(model_of(silently("models: {'a/b: c ä': {proxy: p}}"), "a/b: c ä").id, "a/b: c ä");
}

TEST(SpecLenient, Elsewhere) {
  const std::string models = "models: {owl: {proxy: p, ttl: 5}, fox: {proxy: p}}\n";
  EXPECT_EQ(silently("logLevel: shout\nlogTimeFormat: never\nlogRequests: yes")->log_level,
            LogLevel::info);
  EXPECT_EQ(silently(models + "hooks: {on_startup: {preload: [nobody, owl, '  ']}}")->preload,
            std::vector<std::string>{"owl"});
  EXPECT_EQ(silently("upstream: {ignorePaths: []}")->ignore_paths.size(), 1u);
  EXPECT_FALSE(silently(models +
                        "routing: {router: {use: group, settings: {matrix: {vars: {a_b: nobody}, "
                        "sets: {s: 'zz ('}}}}}")
                   ->matrix);
  EXPECT_TRUE(silently(models +
                       "routing: {router: {use: matrix, settings: {groups: {g: {members: [nobody, "
                       "nobody]}}, matrix: {sets: {s: owl}}}}}")
                  ->matrix);
  EXPECT_EQ(silently("peers: {far: {proxy: p, models: [m, m, n]}}")->peers.at("far").models,
            (std::vector<std::string>{"m", "n"}));
  EXPECT_EQ(silently("peers: {far: {proxy: p, models: [m], timeouts: {responseHeader: -1}}}")
                ->peers.at("far")
                .timeouts.response_header,
            seconds(-1));
  EXPECT_EQ(silently(models + "selectors: {s: {strategy: pin, targets: [owl, fox, owl]}}")
                ->selectors.at("s")
                .targets.size(),
            3u);
  EXPECT_EQ(silently("macros: {a: '${b}', b: '${a}', c: '${ghost}'}\nlogLevel: warn")->log_level,
            LogLevel::warn);
  EXPECT_EQ(silently("logLevel: warn\n---\nlogLevel: [\n")->log_level, LogLevel::warn);
  EXPECT_EQ(silently("apiKeys: [\"k\\tey#:'ä\"]")->api_keys, std::vector<std::string>{"k\tey#:'ä"});
  EXPECT_EQ(silently("metricsMaxInMemory: -5\ncaptureBuffer: 0")->metrics_max_in_memory, 1000);
}

// Unknown keys are told, as a mistake is likely, but do no harm at any level.
TEST(SpecLenient, UnknownKeys) {
  for (const char* text :
       {"zzz: {a: [1]}", "ui: {zzz: 1, activity: {zzz: 1}}", "performance: {zzz: 1}",
        "hooks: {zzz: 1, on_startup: {zzz: 1}}", "upstream: {zzz: 1}",
        "routing: {zzz: 1, scheduler: {zzz: 1, settings: {zzz: 1, fifo: {zzz: 1}}}}",
        "routing: {router: {zzz: 1, settings: {zzz: 1}}}", "groups: {g: {zzz: 1}}",
        "models: {owl: {proxy: p, zzz: 1, timeouts: {zzz: 1}, compat: {zzz: 1}}}",
        "models: {owl: {proxy: p, capabilities: {zzz: 1}, filters: {zzz: 1}}}",
        "models: {owl: {proxy: p}}\nmatrix: {zzz: 1, sets: {s: owl}}",
        "models: {owl: {proxy: p}}\nprofiles: {p: {zzz: 1, pins: {a: owl}}}",
        "models: {owl: {proxy: p}}\nselectors: {s: {zzz: 1, strategy: pin, targets: [owl], "
        "settings: {zzz: 1}}}",
        "peers: {far: {zzz: 1, proxy: p, models: [m], filters: {zzz: 1}, timeouts: {zzz: 1}}}"}) {
    const LoadResult result = load_all({text});
    EXPECT_TRUE(result.config) << result.text(Severity::error);
    EXPECT_FALSE(result.problems.empty()) << text;
  }
  // Peers never had the old name of stripParams.
  EXPECT_TRUE(accepted("peers: {far: {proxy: p, models: [m], filters: {strip_params: a}}}")
                  ->peers.at("far")
                  .filters.empty());
}

}  // namespace
}  // namespace llama_swap::config
