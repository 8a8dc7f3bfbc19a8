#include "sched/matrix_policy.h"

#include <gtest/gtest.h>

namespace llama_swap::sched {
namespace {

constexpr ModelId a = 0, b = 1, c = 2, t = 3, z = 25, removed = 99;

// Models are letters.
MatrixPolicy policy(const matrix::Sets::Definitions& sets, MatrixPolicy::Costs costs = {}) {
  auto built = matrix::Sets::build(sets, [](std::string_view name) {
    return name == "t" ? t : static_cast<ModelId>(name[0] - 'a');
  });
  EXPECT_TRUE(built);
  return {*std::move(built), std::move(costs)};
}

TEST(MatrixPolicy, Table) {
  struct Case {
    const char* name;
    ModelId target;
    Models running;
    Models want;
  };
  static const Case cases[] = {
      {"nothing runs", a, {}, {}},
      {"they fit together", t, {a}, {}},
      {"one must go: the cheaper one", t, {a, b}, {a}},
      {"those in no set always go", t, {b, removed}, {removed}},
      {"a model in no set runs alone", z, {a, t}, {a, t}},
      {"nothing goes for a model that is ready", t, {a, b, t, z}, {}},
      {"of the same cost the first combination stays", c, {a, t}, {t}},
  };
  const auto matrix = policy({{"base", "a | b"}, {"duo", "+base & t"}, {"trio", "c & (a | t)"}},
                             {{a, 3}, {b, 9}, {t, 3}});
  EXPECT_EQ(matrix.name(), "matrix");
  for (const Case& it : cases) {
    SCOPED_TRACE(it.name);
    EXPECT_EQ(matrix.evictions(it.target, it.running), it.want);
    EXPECT_EQ(matrix.evictions(it.target, it.running), it.want);  // from memory
  }
}

TEST(MatrixPolicy, Explains) {
  const auto matrix = policy({{"base", "a | b"}, {"duo", " +base & t"}}, {{a, 3}, {b, 9}});
  const auto why = matrix.explain(t, {a, b});
  ASSERT_TRUE(why);
  EXPECT_EQ(why->set, "duo");
  EXPECT_EQ(why->expression, " +base & t");
  EXPECT_EQ(why->evicted, Models{a});
  EXPECT_EQ(why->combination, (Models{b, t}));
  EXPECT_EQ(why->cost, 3);
  EXPECT_TRUE(why->exact);
  const auto alone = matrix.explain(z, {a, b});
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->set, "");
  EXPECT_EQ(alone->combination, Models{z});
  EXPECT_EQ(alone->cost, 0);
}

TEST(MatrixPolicy, RemembersSomeAnswersOnly) {
  const auto matrix = policy({{"s", "a & b | c"}});
  for (ModelId model = 3; model < 3000; ++model) {
    EXPECT_EQ(matrix.evictions(a, {b, model}), Models{model});
    EXPECT_EQ(matrix.evictions(c, {b, model}), (Models{b, model}));
  }
}

}  // namespace
}  // namespace llama_swap::sched
