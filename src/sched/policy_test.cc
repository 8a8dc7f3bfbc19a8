#include "sched/policy.h"

#include <gtest/gtest.h>

namespace llama_swap::sched {
namespace {

constexpr ModelId a = 0, b = 1, c = 2, d = 3, x = 4, y = 5, p = 6, q = 7, removed = 8, unheard = 99;

// a, b: the default kind; c, d: do not displace each other, nor others; x, y: share, but displace
// others; p, q: swap among themselves, stay when others come.
GroupPolicy policy() {
  return GroupPolicy({{true, true, false, {a, b}},
                      {false, false, false, {c, d}},
                      {false, true, false, {x, y}},
                      {true, true, true, {p, q}}});
}

TEST(GroupPolicy, Table) {
  struct Case {
    const char* name;
    ModelId target;
    Models running;
    Models want;
  };
  static const Case cases[] = {
      {"nothing runs", a, {}, {}},
      {"swap: own group goes", a, {b}, {b}},
      {"exclusive: other groups go", a, {c, d, x, y}, {c, d, x, y}},
      {"persistent groups stay", a, {b, p, q}, {b}},
      {"no swap: own group stays", c, {d}, {}},
      {"not exclusive: other groups stay", c, {a, x, p}, {}},
      {"exclusive without swap", x, {a, y, c}, {a, c}},
      {"persistent does not protect from its own group", p, {q}, {q}},
      {"a persistent group displaces others if exclusive", p, {a, c}, {a, c}},
      {"models in no group can be displaced", a, {removed, unheard}, {removed, unheard}},
      {"but not by a group that is not exclusive", c, {removed}, {}},
      {"a model does not displace itself", a, {a, b}, {b}},
  };
  for (const Case& it : cases) {
    SCOPED_TRACE(it.name);
    EXPECT_EQ(policy().evictions(it.target, it.running), it.want);
  }
}

TEST(GroupPolicy, SwapWithoutExclusive) {
  const GroupPolicy policy({{true, false, false, {a, b}}, {true, true, false, {c}}});
  EXPECT_EQ(policy.evictions(a, {b, c}), Models{b});
  EXPECT_EQ(policy.evictions(c, {a, b}), (Models{a, b}));
  EXPECT_EQ(policy.name(), "group");
}

}  // namespace
}  // namespace llama_swap::sched
