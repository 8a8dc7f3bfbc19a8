// The effective configuration, and its way to YAML and back.
#include "app/check_print.h"

#include "app/check_diff.h"
#include "app/check_effective.h"
#include "config/test_support.h"

namespace llama_swap::app {
namespace {

using config::LoadResult;

LoadResult loaded(const std::vector<std::string>& texts) {
  LoadResult out = config::load_all(texts);
  EXPECT_TRUE(out.config) << out.text(config::Severity::error) << "\nfor:\n" << texts.front();
  return out;
}

std::string printed(const LoadResult& from) {
  return yaml_with_places(effective(from), from.sources);
}

// The lines that hold a word.
std::string lines_with(const std::string& text, std::string_view word) {
  std::string out;
  for (std::size_t at = 0, end; at < text.size(); at = end + 1) {
    end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    if (line.find(word) != line.npos) out += line + "\n";
  }
  return out;
}

TEST(Effective, ValuesAndPlaces) {
  const char* model = "models:\n  owl:\n    cmd: s ${PORT}\n";
  const struct {
    std::string text;
    const char* word;
    const char* want;
  } cases[] = {
      {"", "startPort", "startPort: 5800  # default\n"},
      {"startPort: 0x10", "startPort", "startPort: 16  # 1.yaml:1:12\n"},
      {"logLevel: ' WARN '", "logLevel", "logLevel: warn  # 1.yaml:1:11\n"},
      {"logLevel: loud", "logLevel", "logLevel: info  # 1.yaml:1:11\n"},
      {"logRequests: 'yes'", "logRequests", "logRequests: true  # 1.yaml:1:14\n"},
      {"maxRequestBody: 1048576", "maxRequestBody", "maxRequestBody: 1MiB  # 1.yaml:1:17\n"},
      {"performance: {every: 90s}", "every", "  every: 1m30s  # 1.yaml:1:22\n"},
      {"unknown: 1", "unknown", ""},
      {"macros: {n: 7}\nstartPort: ${n}", "startPort", "startPort: 7  # 1.yaml:2:12\n"},
      {"macros: {n: 7}", "macros", ""},
      {"ui: {activity: {session_id: }}", "session_id", "    session_id: []  # 1.yaml:1:29\n"},
      {model, "cmd:", "    cmd: s 5800  # 1.yaml:3:10\n"},
      {model, "proxy:", "    proxy: http://localhost:5800  # default\n"},
      {model, "ttl", "    ttl: 0  # default\n"},
      {std::string(model) + "globalTTL: 9", "ttl", "    ttl: 9  # 1.yaml:4:12\n"},
      {std::string(model) + "    ttl: 8\nglobalTTL: 9", "ttl", "    ttl: 8  # 1.yaml:4:10\n"},
      {std::string(model) + "    ttl: -1\nglobalTTL: 9", "ttl", "    ttl: 9  # 1.yaml:5:12\n"},
      {model, "concurrencyLimit", "    concurrencyLimit: 10  # default\n"},
      {"models: {owl: }", "owl", "  owl: null  # 1.yaml:1:15\n"},
      {"models: {yes: {proxy: p}}", "yes", "  \"yes\":\n"},
      {"models: {owl: {proxy: p, aliases: []}}", "aliases", ""},
      {"models: {owl: {proxy: p}}\ngroups: {g: {members: [owl]}}", "use: group",
       "    use: group  # 1.yaml:2:9\n"},
      {"models: {owl: {proxy: p}}\nmatrix: {sets: {a: owl}}", "a: owl",
       "          a: owl  # 1.yaml:2:20\n"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(lines_with(printed(loaded({c.text})), c.word), c.want) << c.text;
}

TEST(Effective, NamesTheFile) {
  const std::string text = printed(loaded({"startPort: 7", "globalTTL: 5"}));
  EXPECT_EQ(lines_with(text, "globalTTL"), "globalTTL: 5  # 2.yaml:1:12\n");
}

// The one that is not used is not read either, so it may hold anything.
TEST(Effective, OnlyTheRouterInUse) {
  const std::string text = printed(
      loaded({"models: {owl: {proxy: p}}\nrouting: {router: {use: matrix, settings: {groups: {g: "
              "{swap: 7}}, matrix: {sets: {a: owl}}}}}"}));
  EXPECT_EQ(lines_with(text, "swap:"), "");
  EXPECT_NE(lines_with(text, "use: matrix"), "");
}

TEST(YamlString, Quotes) {
  const struct {
    std::string text, want;
  } cases[] = {
      {"plain text", "plain text"},
      {"http://h:1/x?y=z", "http://h:1/x?y=z"},
      {"${PID}", "${PID}"},
      {"", "\"\""},
      {"5", "\"5\""},
      {"12:30", "\"12:30\""},
      {"1e3", "\"1e3\""},
      {"true", "\"true\""},
      {"No", "\"No\""},
      {"null", "\"null\""},
      {"~", "\"~\""},
      {"2020-01-01", "\"2020-01-01\""},
      {"a: b", "\"a: b\""},
      {"a #b", "\"a #b\""},
      {"a ", "\"a \""},
      {"- a", "\"- a\""},
      {"*a", "\"*a\""},
      {"a\"b\\ c#d", "a\"b\\ c#d"},
      {"\"b\\", "\"\\\"b\\\\\""},
      {"<<", "\"<<\""},
      {"# a", "\"# a\""},
      {"[a]", "\"[a]\""},
      {"a\nb\t", "\"a\\nb\\t\""},
      {"\x01\x7F", "\"\\x01\\x7f\""},
      {"\xC2\x85\xE2\x80\xA8\xE2\x80\xA9\xEF\xBB\xBF", "\"\\u0085\\u2028\\u2029\\ufeff\""},
      {"gr\xC3\xBC\xC3\x9F", "\"gr\xC3\xBC\xC3\x9F\""},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(yaml_string(c.text), c.want);
    const auto parsed = config::parse_yaml("k: " + yaml_string(c.text), 0);
    ASSERT_TRUE(parsed) << c.want;
    EXPECT_EQ(parsed->root.find("k")->text, c.text);
    EXPECT_TRUE(parsed->root.find("k")->is_string()) << c.want;
  }
}

// Of a port only the number is printed, not that it was ${PORT}.
std::map<std::string, config::Model> without_ports(const config::Config& config) {
  auto out = config.models;
  for (auto& [id, model] : out) model.port.reset();
  return out;
}

// What is printed is a configuration, and means the same.
TEST(Print, ThereAndBack) {
  const std::string owl = "models: {owl: {proxy: p, ";
  const std::string texts[] = {
      "",
      "startPort: 7\nglobalTTL: 60\nunloadTimeout: 0\nsendLoadingState: on\nhealthCheckTimeout: 3",
      "apiKeys: [a, '5', 6]\nlogTimeFormat: RFC3339\nmaxRequestBody: 1.5kB\nbodyMemory: 3MiB",
      "performance: {disabled: true, every: 5500ms}\nui: {activity: {session_id: [A, ~, B]}}",
      "upstream: {ignorePaths: ['a\\.b$', \"x\\ty\"]}\nstore: {path: /tmp/check.db}",
      "models: {a: , 'b c': {cmd: 's ${PORT}'}, '7': {proxy: ''}}",
      "models:\n  a:\n    cmd: |\n      s --port ${PORT}\n\n        x \"y\" \\\n      z\n",
      "models:\n  a:\n    cmd: \"s ${PORT}\\n\\n\"\n  b:\n    cmd: \" s\\n${PORT}\"\n",
      "models:\n  a:\n    cmd: \"s ${PORT}\\n  \"\n  b:\n    cmd: \"s\\r\\n${PORT} \\u2028\"\n",
      owl + "cmdStop: 'kill ${PID}', env: [A=1, 'B=: #'], stopScope: group, ttl: 0, aliases: [x]}}",
      owl +
          "metadata: {a: 1, b: 1.50, c: '1', d: [~, {e: no, f: []}, [x]], 2: {}, g: 2020-01-01}}}",
      owl + "metadata: {a: !!float 5, b: !!str 5, c: 0x1F, d: .inf, e: true}}}",
      owl + "filters: {setParams: {t: 0.5}, setParamsByID: {y: {t: 1}}, strip_params: 'a, b'}}}",
      owl +
          "capabilities: {in: [text], tools: y}, timeouts: {connect: 1.9}, sendLoadingState: no}}",
      "models: {comfyui_auto: {proxy: p, concurrencyLimit: 3}, b: {proxy: q}}\ngroups: {g: "
      "{members: [b]}, h: }",
      "models: {a: {proxy: p}, b: {proxy: q}}\nmatrix: {vars: {x: a}, evict_costs: {b: 3}, sets: "
      "{s2: x, s10: +s2 & b}}",
      "models: {a: {proxy: p}}\nrouting: {router: {use: '', settings: {groups: {g: {members: "
      "[a]}}}}, scheduler: {use: '', settings: {fifo: {priority: {a: -1}, maxWait: 0, "
      "minResidency: 1500ms}}}}\nhooks: {on_startup: {preload: [a, nobody]}}",
      "peers: {p: {proxy: http://h, models: [m, m], apiKey: k, filters: {setParams: {a: b}}}, q: "
      "}\n"
      "models: {a: {proxy: p}}\nselectors: {s: {strategy: pin, targets: [a, m]}}\nprofiles: {f: "
      "{pins: {x: a, y: }}}",
  };
  for (const std::string& text : texts) {
    const LoadResult first = loaded({text});
    const std::string yaml = printed(first);
    const LoadResult again = config::load_all({yaml});
    ASSERT_TRUE(again.config) << again.text(config::Severity::error) << yaml;
    EXPECT_EQ(again.text(config::Severity::warning).find("unknown key"), std::string::npos) << yaml;
    EXPECT_EQ(without_ports(*first.config), without_ports(*again.config)) << yaml;
    const std::string effect = reload_effect(first, again);
    EXPECT_EQ(effect.substr(effect.rfind('\n', effect.size() - 2) + 1),
              "no other setting changed\n")
        << effect << yaml;
  }
}

}  // namespace
}  // namespace llama_swap::app
