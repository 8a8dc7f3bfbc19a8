// What each type of key takes and what it makes of it (5.0), by one key of that type.
#include <fmt/format.h>

#include "config/test_support.h"

namespace llama_swap::config {
namespace {

// The first error of a configuration; "accepted" if there is none.
std::string first_error(const std::string& text) {
  const LoadResult result = load_all({text});
  if (result.config) return "accepted";
  const Problem& problem = result.problems.front();
  return fmt::format("{}:{}: {}: {}", problem.line, problem.column, problem.key, problem.message);
}

Model owl(const std::string& key, const std::string& value) {
  return model_of(accepted(fmt::format("models:\n  owl:\n    proxy: p\n    {}: {}\n", key, value)));
}
// What is said about `value`, which begins at line 4.
std::string refused_owl(const std::string& key, const std::string& value) {
  return first_error(fmt::format("models:\n  owl:\n    proxy: p\n    {}: {}\n", key, value));
}

TEST(SpecTyping, Integers) {
  static const struct {
    const char* text;
    int value;
  } cases[] = {
      {"90", 90},         {"+90", 90},       {"0x5A", 90},    {"0X5a", 90},
      {"0o132", 90},      {"0132", 90},      {"1_000", 1000}, {"0", 0},
      {"-0", 0},          {"90.0", 90},      {"90.9", 90},    {"9e1", 90},
      {"!!int '90'", 90}, {"0b1011010", 90}, {"0.9", 0},      {"!!float 90", 90},
  };
  for (const auto& c : cases)
    EXPECT_EQ(owl("unloadTimeout", c.text).unload_timeout,
              seconds(c.value == 0 ? 10 : c.value))  // 0: the global value
        << c.text;
  EXPECT_EQ(owl("ttl", "-1.9").ttl, seconds(0));  // truncated towards zero: the global value
  EXPECT_EQ(owl("ttl", "~").ttl, seconds(0));
  EXPECT_EQ(owl("ttl", "").ttl, seconds(0));
}

TEST(SpecTyping, NoIntegers) {
  static const struct {
    const char* text;
    const char* said;
  } cases[] = {
      {"'90'", "4:10: models.owl.ttl: expected an integer, got the string \"90\""},
      {"!!str 90", "4:10: models.owl.ttl: expected an integer, got the string \"90\""},
      {"''", "4:10: models.owl.ttl: expected an integer, got the string \"\""},
      {"soon", "4:10: models.owl.ttl: expected an integer, got the string \"soon\""},
      {"90s", "4:10: models.owl.ttl: expected an integer, got the string \"90s\""},
      {"1,000", "4:10: models.owl.ttl: expected an integer, got the string \"1,000\""},
      {"true", "4:10: models.owl.ttl: expected an integer, got the boolean true"},
      {"2024-01-02", "4:10: models.owl.ttl: expected an integer, got the date 2024-01-02"},
      {".inf", "4:10: models.owl.ttl: expected an integer, got the number .inf"},
      {".nan", "4:10: models.owl.ttl: expected an integer, got the number .nan"},
      {"[90]", "4:10: models.owl.ttl: expected an integer, got a list"},
      {"{s: 90}", "4:10: models.owl.ttl: expected an integer, got a mapping"},
  };
  for (const auto& c : cases) EXPECT_EQ(refused_owl("ttl", c.text), c.said) << c.text;
}

TEST(SpecTyping, Booleans) {
  for (const char* text : {"true", "True", "TRUE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON",
                           "'yes'", "\"on\"", "'Y'", "!!bool 'true'"})
    EXPECT_TRUE(owl("unlisted", text).unlisted) << text;
  for (const char* text : {"false", "False", "FALSE", "n", "N", "no", "No", "NO", "off", "Off",
                           "OFF", "'no'", "\"off\"", "'N'", "~", ""}) {
    EXPECT_FALSE(owl("unlisted", text).unlisted) << text;
  }
  static const struct {
    const char* text;
    const char* got;
  } cases[] = {
      {"\"true\"", "the string \"true\""},
      {"'False'", "the string \"False\""},
      {"tRUE", "the string \"tRUE\""},
      {"yEs", "the string \"yEs\""},
      {"''", "the string \"\""},
      {"maybe", "the string \"maybe\""},
      {"1", "the integer 1"},
      {"0", "the integer 0"},
      {"1.0", "the number 1.0"},
      {"[true]", "a list"},
      {"{a: true}", "a mapping"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(
        refused_owl("unlisted", c.text),
        std::string("4:15: models.owl.unlisted: expected a boolean (true or false), got ") + c.got);
  }
}

TEST(SpecTyping, Strings) {
  static const struct {
    const char* text;
    const char* value;
  } cases[] = {
      {"plain text", "plain text"},
      {"'0x10'", "0x10"},
      {"0x10", "16"},
      {"010", "8"},
      {"0o10", "8"},
      {"1_000", "1000"},
      {"-7", "-7"},
      {"1.0", "1"},
      {"0.50", "0.5"},
      {"1e3", "1000"},
      {"true", "true"},
      {"yes", "yes"},
      {"2024-01-02", "2024-01-02T00:00:00Z"},
      {"2024-01-02 03:04:05", "2024-01-02T03:04:05Z"},
      {"'~'", "~"},
      {"''", ""},
      {"~", ""},
      {"null", ""},
      {"", ""},
      {"|\n      two\n      lines", "two\nlines\n"},
      {">-\n      two\n      lines", "two lines"},
      {"\"\\u00e4\\t\"", "ä\t"},
  };
  for (const auto& c : cases) EXPECT_EQ(owl("description", c.text).description, c.value) << c.text;
  EXPECT_EQ(refused_owl("description", "[a]"),
            "4:18: models.owl.description: expected a string, got a list");
  EXPECT_EQ(refused_owl("description", "{a: b}"),
            "4:18: models.owl.description: expected a string, got a mapping");
}

TEST(SpecTyping, ListsOfStrings) {
  using Strings = std::vector<std::string>;
  static const struct {
    const char* text;
    Strings value;
  } cases[] = {
      {"[a, b]", {"a", "b"}},
      {"[]", {}},
      {"~", {}},
      {"", {}},
      {"[~, a, null, '']", {"a", ""}},
      {"[0x10, 1.0, true, 2024-01-02]", {"16", "1", "true", "2024-01-02T00:00:00Z"}},
      {"\n    - a\n    -\n    - b", {"a", "b"}},
      {"[a, a]", {"a", "a"}},
  };
  for (const auto& c : cases) EXPECT_EQ(owl("env", c.text).env, c.value) << c.text;
  EXPECT_EQ(refused_owl("env", "A=1"),
            "4:10: models.owl.env: expected a list, got the string \"A=1\"");
  EXPECT_EQ(refused_owl("env", "5"), "4:10: models.owl.env: expected a list, got the integer 5");
  EXPECT_EQ(refused_owl("env", "{A: 1}"), "4:10: models.owl.env: expected a list, got a mapping");
  EXPECT_EQ(refused_owl("env", "[a, [b]]"),
            "4:14: models.owl.env: expected a string in the list, got a list");
  EXPECT_EQ(refused_owl("env", "[a, {b: c}]"),
            "4:14: models.owl.env: expected a string in the list, got a mapping");
}

TEST(SpecTyping, Durations) {
  static const struct {
    const char* text;
    milliseconds value;
  } cases[] = {
      {"5s", milliseconds(5000)},        {"1m30s", milliseconds(90'000)},
      {"1.5h", milliseconds(5'400'000)}, {"5300ms", milliseconds(5300)},
      {"'10s'", milliseconds(10'000)},   {"+6s", milliseconds(6000)},
      {"0s", milliseconds(5000)},        {"-0s", milliseconds(5000)},
      {"~", milliseconds(5000)},         {"", milliseconds(5000)},
  };
  for (const auto& c : cases)
    EXPECT_EQ(accepted(fmt::format("performance:\n  every: {}\n", c.text))->performance_every,
              c.value)
        << c.text;
  static const struct {
    const char* text;
    const char* got;
  } refused[] = {
      {"30", "the integer 30"},      {"'30'", "the string \"30\""}, {"1.5", "the number 1.5"},
      {"5 s", "the string \"5 s\""}, {"5S", "the string \"5S\""},   {"5d", "the string \"5d\""},
      {"''", "the string \"\""},     {"true", "the boolean true"},  {"[5s]", "a list"},
  };
  for (const auto& c : refused) {
    EXPECT_EQ(
        first_error(fmt::format("performance:\n  every: {}\n", c.text)),
        std::string("2:10: performance.every: expected a duration like 5s or 1m30s, got ") + c.got);
  }
}

// A section: null keeps its defaults, anything but a mapping is refused.
TEST(SpecTyping, Sections) {
  const std::string head = "models: {owl: {proxy: p}}\n";
  for (const char* key : {"ui", "performance", "store", "hooks", "upstream", "routing", "groups",
                          "matrix", "peers", "profiles", "selectors", "macros"}) {
    accepted(head + key + ":\n");
    accepted(head + key + ": ~\n");
    for (const char* value : {"text", "5", "[a]", "''"})
      expect_refused(head + key + ": " + value, {key, "mapping"});
  }
  static const struct {
    const char* before;
    const char* path;
    const char* after;
  } cases[] = {
      {"ui: {activity: ", "ui.activity", "}"},
      {"hooks: {on_startup: ", "hooks.on_startup", "}"},
      {"routing: {scheduler: ", "routing.scheduler", "}"},
      {"routing: {scheduler: {settings: ", "routing.scheduler.settings", "}}"},
      {"routing: {scheduler: {settings: {fifo: ", "routing.scheduler.settings.fifo", "}}}"},
      {"routing: {scheduler: {settings: {fifo: {priority: ", "fifo.priority", "}}}}"},
      {"routing: {router: ", "routing.router", "}"},
      {"routing: {router: {settings: ", "routing.router.settings", "}}"},
      {"groups: {g: ", "groups.g", "}"},
      {"matrix: {sets: {s: owl}, vars: ", "matrix.vars", "}"},
      {"matrix: {sets: {s: owl}, evict_costs: ", "matrix.evict_costs", "}"},
      {"peers: {far: {proxy: p, models: [m], timeouts: ", "peers.far.timeouts", "}}"},
      {"peers: {far: {proxy: p, models: [m], filters: ", "peers.far.filters", "}}"},
      {"selectors: {s: {strategy: pin, targets: [owl], settings: ", "selectors.s.settings", "}}"},
      {"selectors: {s: {strategy: pin, targets: [owl], metadata: ", "selectors.s.metadata", "}}"},
  };
  for (const auto& c : cases) {
    accepted(head + c.before + "~" + c.after);
    expect_refused(head + c.before + "text" + c.after, {c.path, "mapping"});
    expect_refused(head + c.before + "[a]" + c.after, {c.path, "mapping"});
  }
  for (const char* key : {"timeouts", "compat", "capabilities", "filters", "metadata", "macros"}) {
    owl(key, "~");
    owl(key, "{}");
    for (const char* value : {"text", "5", "[a]"})
      EXPECT_NE(refused_owl(key, value).find(fmt::format("models.owl.{}: ", key)),
                std::string::npos)
          << refused_owl(key, value);
  }
}

TEST(SpecTyping, DuplicateKeysAreRefusedEverywhere) {
  static const struct {
    const char* text;
    const char* said;
  } cases[] = {
      {"logLevel: info\nlogLevel: info",
       "2:1: : duplicate key \"logLevel\": already defined in line 1"},
      {"models:\n  a: {}\n  b: {}\n  a: {}",
       "4:3: : duplicate key \"a\": already defined in line 2"},
      {"x-notes:\n  deep: [{k: 1,\n    k: 2}]",
       "3:5: : duplicate key \"k\": already defined in line 2"},
      {"models: {owl: {metadata: {k: 1, 'k': 2}}}",
       "1:33: : duplicate key \"k\": already defined in line 1"},
  };
  for (const auto& c : cases) EXPECT_EQ(first_error(c.text), c.said);
}

}  // namespace
}  // namespace llama_swap::config
