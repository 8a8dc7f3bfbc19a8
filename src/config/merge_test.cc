// Several files as one (1.2, 1.3).
#include "config/merge.h"

#include "config/test_support.h"
#include "config/yaml_scalar.h"

namespace llama_swap::config {
namespace {

// The merged tree as JSON; what was wrong, if it was.
std::string merged(const std::vector<std::string>& texts) {
  std::vector<Source> sources;
  std::vector<Node> documents;
  for (const std::string& text : texts) {
    sources.push_back({std::to_string(sources.size() + 1) + ".yaml", text});
    auto document = parse_yaml(text, static_cast<int>(documents.size()));
    EXPECT_TRUE(document) << text;
    documents.push_back(document ? document->root : Node());
  }
  Report report(sources);
  const Node root = merge(std::move(documents), report);
  if (!report.failed()) return json_value(root).dump();
  const Problem problem = report.take().front();
  return problem.file + ": " + problem.key + ": " + problem.message;
}

TEST(Merge, Accepted) {
  static const struct {
    const char* name;
    std::vector<std::string> texts;
    const char* want;
  } cases[] = {
      {"nothing", {"", "# x", "{}"}, "{}"},
      {"empty list and bare scalar are nothing", {"[]", "text", "a: 1"}, R"({"a":1})"},
      {"new keys go behind", {"b: 1\na: 2", "c: 3\nB: 4"}, R"({"b":1,"a":2,"c":3,"B":4})"},
      {"mappings",
       {"ui: {activity: {a: 1}}", "ui: {activity: {b: 2}, x: 3}"},
       R"({"ui":{"activity":{"a":1,"b":2},"x":3}})"},
      {"macros keep their order",
       {"macros: {b: 1}", "macros: {a: 2}"},
       R"({"macros":{"b":1,"a":2}})"},
      {"lists", {"apiKeys: [a, b]", "apiKeys: [c, a]"}, R"({"apiKeys":["a","b","c","a"]})"},
      {"equal scalars", {"logLevel: info", "logLevel: info"}, R"({"logLevel":"info"})"},
      {"quotes do not matter", {"logLevel: info", "logLevel: 'info'"}, R"({"logLevel":"info"})"},
      {"an empty value gives way", {"store:", "store: {path: x}"}, R"({"store":{"path":"x"}})"},
      {"on either side", {"logLevel: info", "logLevel:"}, R"({"logLevel":"info"})"},
      {"both empty", {"a:", "a:"}, R"({"a":null})"},
      {"equal nulls", {"a: ~", "a: ~"}, R"({"a":null})"},
      {"models of two files",
       {"models: {a: {ttl: 1}}", "models: {b: {ttl: 2}}"},
       R"({"models":{"a":{"ttl":1},"b":{"ttl":2}}})"},
      {"matrix parts in two files",
       {"matrix: {vars: {a: x}}", "matrix: {sets: {s: a}}"},
       R"({"matrix":{"vars":{"a":"x"},"sets":{"s":"a"}}})"},
      {"priorities",
       {"routing: {scheduler: {settings: {fifo: {priority: {a: 1}}}}}",
        "routing: {scheduler: {settings: {fifo: {priority: {b: 2}}}}}"},
       R"({"routing":{"scheduler":{"settings":{"fifo":{"priority":{"a":1,"b":2}}}}}})"},
      {"three files", {"a: [1]", "a: [2]", "a: [3]"}, R"({"a":[1,2,3]})"},
      {"an empty value gives way to a list", {"a:", "a: [1]"}, R"({"a":[1]})"},
      {"an empty list and an empty mapping",
       {"a: []\nb: {}", "a: [1]\nb: {c: 1}"},
       R"({"a":[1],"b":{"c":1}})"},
      {"equal in all but the quotes", {"a: 'x y'", "a: \"x y\"", "a: x y"}, R"({"a":"x y"})"},
      {"an empty text is a text", {"a: ''", "a: \"\""}, R"({"a":""})"},
      {"costs beside vars",
       {"matrix: {vars: {a: x}}", "matrix: {evict_costs: {a: 2}}"},
       R"({"matrix":{"vars":{"a":"x"},"evict_costs":{"a":2}}})"},
      {"one section, different groups",
       {"groups: {g: {swap: false}}", "groups: {h: {}}"},
       R"({"groups":{"g":{"swap":false},"h":{}}})"},
      {"lists within mappings", {"x: {y: [1]}", "x: {y: [2], z: 3}"}, R"({"x":{"y":[1,2],"z":3}})"},
  };
  for (const auto& c : cases) EXPECT_EQ(merged(c.texts), c.want) << c.name;
}

TEST(Merge, Refused) {
  static const struct {
    std::vector<std::string> texts;
    std::vector<std::string> words;
  } cases[] = {
      {{"a: 1", "a: 2"}, {"2.yaml: a", "conflict"}},
      {{"a: 7", "a: \"7\""}, {"2.yaml: a", "conflict"}},
      {{"a: 7", "a: 0x7"}, {"2.yaml: a", "conflict"}},
      {{"a: ~", "a: x"}, {"2.yaml: a", "conflict"}},
      {{"a: true", "a: 'true'"}, {"2.yaml: a", "conflict"}},
      {{"a: 7", "a: 7.0"}, {"2.yaml: a", "conflict"}},
      {{"a: ''", "a: x"}, {"2.yaml: a", "conflict"}},
      {{"macros: {m: 1}", "macros: {m: 2}"}, {"2.yaml: macros.m", "conflict"}},
      {{"a: {b: 1}", "a: 1"}, {"2.yaml: a", "incompatible kinds"}},
      {{"a: 1", "a: [1]"}, {"2.yaml: a", "incompatible kinds"}},
      {{"x: &x {}\na: *x", "a: {b: 1}"}, {"2.yaml: a", "incompatible kinds", "alias"}},
      {{"a: x", "a: null"}, {"2.yaml: a", "conflict"}},
      {{"ui: {activity: {x: 1}}", "", "ui: {activity: {x: 2}}"},
       {"3.yaml: ui.activity.x", "conflict"}},
      {{"a: [1]", "a: {b: 1}"}, {"2.yaml: a", "incompatible kinds"}},
      {{"a: [1]", "a: 1"}, {"2.yaml: a", "incompatible kinds"}},
      {{"a: {b: 1}", "x: &x {}\na: *x"}, {"2.yaml: a", "incompatible kinds", "alias"}},
      {{"models: {a: {ttl: 1}}", "models: {a: {ttl: 1}}"},
       {"2.yaml: models.a", "models", "\"a\"", "already"}},
      {{"models: {a: {}}", "models:"}, {"2.yaml: models", "mapping"}},
      {{"models: ~", "models: {a: {}}"}, {"2.yaml: models", "mapping"}},
      {{"peers: {a: {}}", "peers: [a]"}, {"2.yaml: peers", "mapping"}},
      {{"groups: {g: {}}", "groups: {g: {}}"}, {"groups", "\"g\""}},
      {{"profiles: {p: {}}", "profiles: {p: {}}"}, {"profiles", "\"p\""}},
      {{"selectors: {s: {}}", "selectors: {s: {}}"}, {"selectors", "\"s\""}},
      {{"matrix: {sets: {a: x}}", "matrix: {sets: {b: y}}"}, {"matrix", "\"sets\""}},
      {{"matrix: {vars: {a: x}}", "matrix: {vars: {b: y}}"}, {"matrix", "\"vars\""}},
      {{"matrix: {evict_costs: {a: 1}}", "matrix: {evict_costs: {b: 1}}"},
       {"matrix", "\"evict_costs\""}},
      {{"routing: {router: {settings: {groups: {g: {}}}}}",
        "routing: {router: {settings: {groups: {g: {}}}}}"},
       {"routing.router.settings.groups", "\"g\""}},
      {{"routing: {router: {settings: {matrix: {vars: {}}}}}",
        "routing: {router: {settings: {matrix: {vars: {}}}}}"},
       {"routing.router.settings.matrix", "\"vars\""}},
      {{"a: 1", "[x]"}, {"2.yaml", "top level must be a mapping"}},
      {{"- a"}, {"1.yaml", "top level must be a mapping"}},
  };
  for (const auto& c : cases) {
    const std::string said = merged(c.texts);
    for (const std::string& word : c.words)
      EXPECT_NE(said.find(word), std::string::npos) << word << " in " << said;
  }
}

TEST(Merge, UnitedSectionsMustBeMappings) {
  for (const std::string section :
       {"models", "groups", "profiles", "selectors", "peers", "matrix"}) {
    const std::string good = section + ": {a: {}}";
    for (const char* wrong : {"", " ~", " text", " [a]"}) {
      for (const auto& texts :
           {std::vector{good, section + ":" + wrong}, std::vector{section + ":" + wrong, good}}) {
        const std::string said = merged(texts);
        EXPECT_TRUE(said.starts_with("2.yaml: " + section + ": must be a mapping")) << said;
      }
    }
    EXPECT_TRUE(merged({good, good})
                    .starts_with("2.yaml: " + section + ".a: \"a\" of section " + section +
                                 " in 2.yaml is already defined in 1.yaml"))
        << merged({good, good});
    EXPECT_EQ(merged({"", section + ":"}), "{\"" + section + "\":null}");  // in one file only
  }
}

TEST(Merge, AnchorsBelongToTheirFile) {
  const auto config = accepted_all({"x-a: &a 5\nmodels: {owl: {proxy: p, ttl: *a}}",
                                    "x-b: &a 7\nmodels: {fox: {proxy: p, ttl: *a}}"});
  EXPECT_EQ(model_of(config, "owl").ttl, seconds(5));
  EXPECT_EQ(model_of(config, "fox").ttl, seconds(7));
  expect_all_refused({"x-a: &a 5", "globalTTL: *a"}, {"2.yaml", "unknown anchor"});
}

TEST(Merge, ABaseMayGrowInALaterFile) {
  const auto config =
      accepted_all({"x-base: &base {proxy: p}\nmodels: {owl: {<<: *base}}", "x-base: {ttl: 9}"});
  EXPECT_EQ(model_of(config).ttl, seconds(9));
  // The anchored value itself lost against the equal one of the first file: its own file still
  // knows it.
  EXPECT_EQ(
      model_of(accepted_all({"globalTTL: 3",
                             "globalTTL: &t 3\nmodels: {owl: {proxy: p, unloadTimeout: *t}}"}))
          .unload_timeout,
      seconds(3));
}

TEST(Merge, MacrosReachEveryFile) {
  const auto config = accepted_all({"models: {owl: {cmd: '${m}', proxy: p}}", "macros: {m: text}"});
  EXPECT_EQ(model_of(config).cmd, "text");
}

TEST(Merge, EveryFileIsReported) {
  const auto result = load_all({"a: [", "b: {", "c: 1"});
  ASSERT_EQ(result.problems.size(), 2u);
  EXPECT_EQ(result.problems[0].file, "1.yaml");
  EXPECT_EQ(result.problems[1].file, "2.yaml");
}

}  // namespace
}  // namespace llama_swap::config
