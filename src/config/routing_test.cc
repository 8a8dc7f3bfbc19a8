// Scheduler, groups, matrix, and their two spellings (7.1 to 7.4).
#include "config/test_support.h"

namespace llama_swap::config {
namespace {

const std::string kModels =
    "models: {owl: {proxy: p, aliases: [bird]}, fox: {proxy: p}, elk: {proxy: p}}\n";

ConfigPtr with_models(const std::string& text) {
  return accepted(kModels + text);
}

std::string groups_of(const std::string& text) {
  std::string out;
  const auto config = with_models(text);
  for (const Group& group : config->groups) {
    out += group.id + (group.swap ? " swap" : "") + (group.exclusive ? " exclusive" : "") +
           (group.persistent ? " persistent" : "") + ":";
    for (const std::string& member : group.members) out += " " + member;
    out += "; ";
  }
  return out;
}

TEST(Routing, Groups) {
  static const struct {
    const char* text;
    const char* want;
  } cases[] = {
      {"", "(default) swap exclusive: elk fox owl; "},
      {"groups: {}", "(default) swap exclusive: elk fox owl; "},
      {"matrix: ~\ngroups: {g: {members: [owl, ~]}}",
       "g swap exclusive: owl; (default) swap exclusive: elk fox; "},
      {"groups: {g: {swap: ~, exclusive: ~, persistent: ~, members: ~}}",
       "g swap exclusive:; (default) swap exclusive: elk fox owl; "},
      {"groups: {g: {members: [owl]}}\nrouting: {router: {use: ~, settings: {groups: {}, matrix: "
       "~}}}",
       "g swap exclusive: owl; (default) swap exclusive: elk fox; "},
      {"groups: {}\nrouting: {router: {use: group, settings: {groups: {g: {members: [fox]}}}}}",
       "g swap exclusive: fox; (default) swap exclusive: elk owl; "},
      {"groups: {g: {members: [owl]}}",
       "g swap exclusive: owl; (default) swap exclusive: elk fox; "},
      {"groups: {z: {swap: false, members: [owl, fox]}, a: {exclusive: no, persistent: yes, "
       "members: [elk]}}",
       "z exclusive: owl fox; a swap persistent: elk; (default) swap exclusive:; "},
      {"groups: {g: ~}", "g:; (default) swap exclusive: elk fox owl; "},
      {"groups: {g: {}}", "g swap exclusive:; (default) swap exclusive: elk fox owl; "},
      {"routing: {router: {settings: {groups: {g: {members: [owl]}}}}}",
       "g swap exclusive: owl; (default) swap exclusive: elk fox; "},
      {"routing: {router: {use: group, settings: {groups: {g: {members: [owl]}}, matrix: {sets: "
       "[bad]}}}}",
       "g swap exclusive: owl; (default) swap exclusive: elk fox; "},
      {"routing: {router: {use: '', settings: {matrix: {sets: {s: owl}}}}}",
       "(default) swap exclusive: elk fox owl; "},
      {"groups: {g: {members: [owl]}}\nrouting: {scheduler: {use: fifo}}",
       "g swap exclusive: owl; (default) swap exclusive: elk fox; "},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(groups_of(c.text), c.want) << c.text;
    EXPECT_FALSE(with_models(c.text)->matrix) << c.text;
  }
}

TEST(Routing, Refused) {
  const std::string sets = "matrix: {sets: {s: owl}}";
  const std::vector<Refused> cases = {
      {"groups: {g: {members: [owl, owl]}}", {"\"owl\"", "\"g\"", "twice"}},
      {"groups: {g: {members: [owl]}, h: {members: [owl]}}", {"\"owl\"", "\"g\"", "\"h\""}},
      {"groups: {g: {members: [nobody]}}", {"nobody", "no known model"}},
      {"groups: {g: {members: [bird]}}", {"bird", "alias", "owl"}},
      {"groups: {(default): {members: [owl]}}", {"(default)", "reserved"}},
      {"groups: {g: {members: owl}}", {"groups.g.members", "list"}},
      {"groups: {g: {swap: maybe}}", {"groups.g.swap", "boolean"}},
      {"groups: text", {"groups", "mapping"}},
      {"groups: {g: {}}\nmatrix: {sets: {s: owl}}", {"matrix", "groups", "both"}},
      {"groups: {g: {}}\nrouting: {router: {use: group}}",
       {"groups", "routing.router", "migrate", "remove"}},
      {"matrix: {sets: {s: owl}}\nrouting: {router: {settings: {groups: {g: {}}}}}",
       {"matrix", "routing.router", "migrate"}},
      {"groups: {g: {}}\nrouting: {router: {settings: {matrix: {}}}}",
       {"groups", "routing.router"}},
      {"routing: {router: {settings: {groups: text}}}",
       {"routing.router.settings.groups", "mapping"}},
      {"routing: {router: {use: best}}", {"routing.router.use", "best", "group", "matrix"}},
      {"routing: {router: {use: matrix}}", {"routing.router.settings.matrix"}},
      {"routing: {router: {use: Matrix}}", {"routing.router.use", "Matrix", "group", "matrix"}},
      {"routing: {router: {use: matrix, settings: {matrix: ~}}}",
       {"routing.router.settings.matrix"}},
      {"matrix: {sets: {s: owl}}\nrouting: {router: {use: matrix}}",
       {"matrix", "routing.router", "migrate", "remove"}},
      {"matrix: {}\ngroups: {g: {}}", {"matrix", "groups", "both"}},
      {"routing: {router: {use: matrix, settings: {groups: {g: {}}}}}",
       {"routing.router.settings.matrix"}},
      {"routing: {scheduler: {use: lifo}}", {"routing.scheduler.use", "lifo", "fifo"}},
      {"routing: {scheduler: {settings: {fifo: {priority: {nobody: 1}}}}}",
       {"priority.nobody", "unknown model"}},
      {"routing: {scheduler: {settings: {fifo: {priority: {owl: high}}}}}",
       {"priority.owl", "integer"}},
      {"routing: {scheduler: {settings: {fifo: {maxWait: 5}}}}", {"fifo.maxWait", "duration"}},
      {"routing: {scheduler: {settings: {fifo: {maxWait: -5s}}}}", {"fifo.maxWait", "negative"}},
      {"routing: {scheduler: {settings: {fifo: {minResidency: soon}}}}",
       {"fifo.minResidency", "duration"}},
      {"routing: text", {"routing", "mapping"}},
  };
  for (const Refused& c : cases) expect_refused(kModels + c.text, c.words);
}

TEST(Routing, Scheduler) {
  const auto config = with_models(
      "routing: {scheduler: {use: '', settings: {fifo: {priority: {owl: 5, fox: -3, bird: 9}, "
      "maxWait: 1m30s, minResidency: 2s}}}}");
  EXPECT_EQ(config->scheduling.priority, (std::map<std::string, int>{{"owl", 5}, {"fox", -3}}));
  EXPECT_EQ(config->scheduling.max_wait, milliseconds(90'000));
  EXPECT_EQ(config->scheduling.min_residency, milliseconds(2000));
  const auto never =
      with_models("routing: {scheduler: {settings: {fifo: {maxWait: 0, minResidency: 0}}}}");
  EXPECT_EQ(never->scheduling.max_wait, milliseconds(0));
  EXPECT_EQ(never->scheduling.min_residency, milliseconds(0));
  EXPECT_EQ(
      with_models("routing: {scheduler: {settings: {fifo: {maxWait: 0s}}}}")->scheduling.max_wait,
      milliseconds(0));
  EXPECT_EQ(
      with_models("routing: {scheduler: {settings: {fifo: {maxWait: ~}}}}")->scheduling.max_wait,
      std::nullopt);
}

TEST(Routing, Matrix) {
  const std::string body = R"(
  vars: {a: owl, b.1-x: fox}
  evict_costs: {a: 3, elk: 7}
  sets: {zeta: "a & b.1-x", s10: a, S2: "+zeta | ${m}", s9: elk, alpha: "a|elk"}
)";
  const auto config = with_models("macros: {m: elk}\nmatrix:" + body);
  ASSERT_TRUE(config->matrix);
  const Matrix& matrix = *config->matrix;
  EXPECT_EQ(matrix.vars,
            (std::vector<std::pair<std::string, std::string>>{{"a", "owl"}, {"b.1-x", "fox"}}));
  EXPECT_EQ(matrix.evict_costs, (std::map<std::string, std::int64_t>{{"owl", 3}, {"elk", 7}}));
  std::string names;
  for (const auto& [name, expression] : matrix.sets) names += name + " ";
  EXPECT_EQ(names, "S2 alpha s9 s10 zeta ");
  EXPECT_EQ(matrix.sets[0].second, "+zeta | elk");
  // Values may come from macros; what is no string is read as one.
  const auto other = with_models(
      "macros: {id: fox, price: 4}\nmatrix: {vars: {7: '${id}', y: '${id}'}, evict_costs: {7: "
      "'${price}', owl: 2.9}, sets: {s: 7, t: '+s & ${id}'}}");
  ASSERT_TRUE(other->matrix);
  EXPECT_EQ(other->matrix->evict_costs,
            (std::map<std::string, std::int64_t>{{"fox", 4}, {"owl", 2}}));
  EXPECT_EQ(other->matrix->sets[1].second, "+s & fox");
  EXPECT_TRUE(
      with_models("routing: {router: {use: matrix, settings: {groups: {g: {members: [nobody]}}, "
                  "matrix: {sets: {s: owl}}}}}")
          ->matrix);
}

// What is wrong with expressions; the rest is in src/matrix/expression_test.cc and sets_test.cc.
TEST(Routing, MatrixExpressions) {
  static const struct {
    const char* expression;  // begins in column 8
    int column;
    const char* message;
  } cases[] = {
      {"owl & nobody", 14, "unknown var or model \"nobody\""},
      {"'owl & nobody'", 15, "unknown var or model \"nobody\""},
      {"\"owl & \\x6eobody\"", 8, "unknown var or model \"nobody\""},
      {"${m} & nobody", 8, "unknown var or model \"nobody\""},
      {"|-\n      owl &\n      nobody", 8, "unknown var or model \"nobody\""},
      {"bird", 8, "unknown var or model \"bird\""},  // an alias
      {"~", 8, "empty expression"},
      {"'  '", 9, "empty expression"},
      {"' owl @ fox'", 14, "unexpected character \"@\" at position 4"},
      {"owl | +t", 14, "+t refers to an undefined set"},
      {"owl | +s", 14, "circular reference: +s leads back to this set"},
      {"v fox", 10, "unexpected token \"fox\" at position 2"},
      {"(v & fox) | (", 21, "unexpected token end of expression at position 13"},
  };
  for (const auto& c : cases) {
    const LoadResult result = load_all(
        {kModels + "macros: {m: elk}\nmatrix:\n  vars: {v: owl}\n  sets:\n    s: " + c.expression});
    EXPECT_FALSE(result.config) << c.expression;
    ASSERT_EQ(result.problems.size(), 1u) << result.text(Severity::error);
    const Problem& problem = result.problems.front();
    EXPECT_EQ(problem.key, "matrix.sets.s");
    EXPECT_EQ(problem.message, std::string("set \"s\": ") + c.message) << c.expression;
    EXPECT_EQ(problem.line, 6) << c.expression;
    EXPECT_EQ(problem.column, c.column) << c.expression;
  }
  const LoadResult all = load_all({kModels + "matrix: {sets: {s10: zz, s9: owl &, a: (owl}}"});
  EXPECT_EQ(all.problems.size(), 3u) << all.text(Severity::error);
}

TEST(Routing, MatrixRefused) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"{}", {"matrix.sets", "at least one"}},
      {"{sets: {}}", {"matrix.sets", "at least one"}},
      {"{sets: [a]}", {"matrix.sets", "mapping"}},
      {"{sets: {s: [owl]}}", {"matrix.sets.s", "string"}},
      {"[a]", {"matrix", "mapping"}},
      {"{vars: {a_b: owl}, sets: {s: owl}}", {"matrix.vars.a_b", "^[a-zA-Z0-9.-]{1,32}$"}},
      {"{vars: {'': owl}, sets: {s: owl}}", {"matrix.vars", "^[a-zA-Z0-9.-]{1,32}$"}},
      {"{vars: {" + std::string(33, 'v') + ": owl}, sets: {s: owl}}",
       {"matrix.vars", std::string(33, 'v')}},
      {"{vars: {a: nobody}, sets: {s: owl}}", {"matrix.vars.a", "nobody"}},
      {"{vars: {a: bird}, sets: {s: owl}}", {"matrix.vars.a", "bird"}},
      {"{evict_costs: {nobody: 1}, sets: {s: owl}}", {"matrix.evict_costs.nobody", "nobody"}},
      {"{evict_costs: {owl: 0}, sets: {s: owl}}", {"matrix.evict_costs.owl", "0"}},
      {"{evict_costs: {owl: -1}, sets: {s: owl}}", {"matrix.evict_costs.owl", "-1"}},
      {"{evict_costs: {owl: x}, sets: {s: owl}}", {"matrix.evict_costs.owl", "integer"}},
      {"{evict_costs: {owl: ~}, sets: {s: owl}}", {"matrix.evict_costs.owl", "0"}},
      {"{evict_costs: {bird: 1}, sets: {s: owl}}", {"matrix.evict_costs.bird", "bird"}},
      {"{vars: {a: ~}, sets: {s: owl}}", {"matrix.vars.a"}},
      {"{vars: {'${m}': owl}, sets: {s: owl}}", {"matrix.vars", "${m}"}},
      {"{sets: {'': owl, s: zz}}", {"matrix.sets.s", "zz"}},
  };
  for (const auto& [body, words] : cases) {
    expect_refused(kModels + "matrix: " + body, words);
    expect_refused(kModels + "routing: {router: {use: matrix, settings: {matrix: " + body + "}}}",
                   words);
  }
}

}  // namespace
}  // namespace llama_swap::config
