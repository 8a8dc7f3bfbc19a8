#include "matrix/solver.h"

#include <array>
#include <utility>

#include "matrix/test_support.h"

namespace llama_swap::matrix {
namespace {

using testing::Names;
using testing::running_of;
using testing::sets_of;

std::string solved(std::string_view text, std::string_view target, std::string_view running) {
  Names names;
  const Sets sets = sets_of(text, names);
  const auto what_runs = running_of(running, names);
  return testing::text_of(solve(sets, names.number(target), what_runs), sets, names);
}

bool together(std::string_view text, std::string_view models) {
  Names names;
  const Sets sets = sets_of(text, names);
  std::vector<Model> numbers;
  for (const Running& model : running_of(models, names)) numbers.push_back(model.model);
  return can_run_together(sets, numbers);
}

struct Case {
  std::string sets;
  std::string target;
  std::string running;
  std::string want;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(solved(c.sets, c.target, c.running), c.want)
        << "for " << c.target << " beside " << c.running << " in " << c.sets.substr(0, 200);
  }
}

TEST(Solver, WorkedExamples) {
  const std::string two = "one: a & x; two: a & y";
  const std::string s12 = "s1: a & b; s2: a & c";
  const std::string base = "base: a | b; duo: +base & t";
  check({
      {two, "a", "x y", "one -y cost 1 {a x}"},
      {two, "a", "y x", "one -y cost 1 {a x}"},
      {two, "a", "z", "one -z cost 1 {a x}"},
      {two, "q", "x y", "- -x -y cost 0 {q}"},
      {two, "x", "x z", "- cost 0 {}"},
      {s12, "a", "b=5 c", "s1 -c cost 1 {a b}"},
      {s12, "a", "b c=5", "s2 -b cost 1 {a c}"},
      {base, "t", "a=3 b=9", "duo -a cost 3 {b t}"},
      {base, "a", "", "base cost 0 {a}"},
      {base, "b", "a t", "duo -a cost 1 {b t}"},
      {"s: (a | b) & (c | d)", "a", "c d", "s -d cost 1 {a c}"},
      {"s: t & (x | x & y)", "t", "x y", "s cost 0 {t x y}"},
      {"s: t & (x | y | x & z) & z", "t", "x y z", "s -x cost 1 {t y z}"},
      {"s: x | y & z", "y", "z", "s cost 0 {y z}"},
  });
  EXPECT_FALSE(together("s: x | y & z", "x y"));
}

TEST(Solver, Details) {
  check({
      {"s: a", "a", "", "s cost 0 {a}"},
      {"s: a & b; t: a & b & c", "a", "a b", "s cost 0 {a b}"},  // the target runs
      {"s: a & b; t: a & b & c", "a", "a c b", "t cost 0 {a b c}"},
      // Order of evaluation, not of names.
      {"big: +small & t; small: a | b", "a", "", "small cost 0 {a}"},
      {"big: a & +small | a & c; small: a | b", "a", "c", "big cost 0 {a c}"},
      // The first of two sets that are the same.
      {"one: +two; two: a & b", "a", "b", "two cost 0 {a b}"},
      // What is chosen where nothing that runs is concerned: the first of each.
      {"s: (a | b) & (c | d) & (e | f)", "d", "z", "s -z cost 1 {a d e}"},
      {"s: t & (a & b | c) & (b & d | e)", "t", "", "s cost 0 {a b d t}"},
      // Evicted in the order in which they run.
      {"s: t & (a | b | c | d)", "t", "d b c a", "s -d -b -c cost 3 {a t}"},
      {"s: t & (a | b | c | d)", "t", "d b=4 c a", "s -d -c -a cost 3 {b t}"},
      // A tie that only what comes later decides.
      {"s: (p | q | p & z) & z", "z", "p q", "s -p cost 1 {q z}"},
      {"s: ((p | q) | p & z) & z", "z", "p q", "s -p cost 1 {q z}"},
      {"s: (p & y | q & y | p & z) & y & z", "y", "p q z", "s -p cost 1 {q y z}"},
      {"s: (p & y | q & y | p & z) & (y | x) & z", "x", "p q z", "s -p cost 1 {q x y z}"},
      // Costs whose sum is more than there are numbers.
      {"s: t & a | t & b", "t", "a=9223372036854775807 b=9223372036854775806",
       "s -b cost 9223372036854775806 {a t}"},
      {"s: t & (a | b | c)", "t",
       "a=9223372036854775805 b=9223372036854775806 c=9223372036854775807",
       "s -a -b cost 9223372036854775807 {c t}"},
  });
}

TEST(Solver, CanRunTogether) {
  const std::string text = "base: a | b; duo: +base & t; more: (a | c) & (b | d) & e";
  static const struct {
    const char* models;
    bool want;
  } cases[] = {
      {"a", true},      {"q", false},    {"a b", true},   {"a t", true},  {"b t", true},
      {"a b t", false}, {"a b e", true}, {"c d", true},   {"a a", true},  {"", true},
      {"a c", false},   {"a q", false},  {"e d c", true}, {"e t", false}, {"b c e", true},
  };
  for (const auto& c : cases) EXPECT_EQ(together(text, c.models), c.want) << c.models;
}

std::string joined(int from, int to, const std::function<std::string(int)>& text,
                   const char* separator) {
  std::string out;
  for (int i = from; i < to; ++i) out += (i > from ? separator : "") + text(i);
  return out;
}
std::string m(int number) {
  return fmt::format("m{:03}", number);
}

TEST(Solver, TenGroupsOfTen) {
  const std::string ten =
      "s: " +
      joined(
          0, 10,
          [](int group) { return "(" + joined(group * 10, group * 10 + 10, m, " | ") + ")"; },
          " & ");
  // Two of each group run; those of an even group cost more the later they come.
  std::string running;
  for (int i = 0; i < 100; i += 5)
    running += i / 10 % 2 == 0 ? fmt::format("{}={} ", m(i), 1 + i) : m(i) + " ";
  check({{ten, m(3), running,
          "s -m000 -m005 -m015 -m020 -m035 -m040 -m055 -m060 -m075 -m080 -m095 cost 216 "
          "{m003 m010 m025 m030 m045 m050 m065 m070 m085 m090}"}});

  // Twenty models, each in five of ten groups: all groups depend on each other.
  const std::string tangled =
      "s: " +
      joined(
          0, 10,
          [](int group) {
            return "(" +
                   joined(
                       0, 10, [group](int i) { return m((group * 7 + i * 3) % 20); }, " | ") +
                   ")";
          },
          " & ");
  std::string all = joined(1, 20, m, " ");
  check({{tangled, m(0), all,
          "s -m004 -m005 -m006 -m010 -m011 -m012 -m013 -m017 -m018 -m019 cost 10 "
          "{m000 m001 m002 m003 m007 m008 m009 m014 m015 m016}"}});
}

TEST(Solver, HundredsOfModels) {
  // Fifty groups of four, two of each run.
  const std::string text =
      "s: " + joined(
                  0, 50,
                  [](int group) { return "(" + joined(group * 4, group * 4 + 4, m, " | ") + ")"; },
                  " & ");
  const std::string running = joined(
      1, 100, [](int i) { return m(i * 2); }, " ");
  const std::string evicted = joined(
      0, 50, [](int i) { return "-" + m(i * 4 + 2); }, " ");
  const std::string kept = joined(
      0, 50, [](int i) { return m(i * 4); }, " ");
  check({{text, m(0), running, "s " + evicted + " cost 50 {" + kept + "}"}});

  // One combination of 300.
  const std::string one = "s: " + joined(0, 300, m, " & ");
  check({{one, m(7), joined(100, 300, m, " ") + " z",
          "s -z cost 1 {" + joined(0, 300, m, " ") + "}"}});
}

TEST(Solver, SharedSetsAreNoTrees) {
  // 2^200 combinations, and as many ways through the references.
  std::string any = "s000: a | b", all = any;
  for (int i = 1; i <= 200; ++i) {
    any += fmt::format("; s{:03}: +s{:03} | +s{:03} | c", i, i - 1, i - 1);
    all += fmt::format("; s{:03}: +s{:03} & +s{:03}", i, i - 1, i - 1);
  }
  check({{any, "a", "b c", "s000 -b -c cost 2 {a}"},
         {all, "a", "b c", "s001 -c cost 1 {a b}"},
         {all + "; s201: +s200 & c", "a", "b c", "s201 cost 0 {a b c}"}});
}

TEST(Solver, DeepNesting) {
  std::string text = "s: t & (";
  for (int i = 0; i < 20'000; ++i) text += i % 2 == 0 ? "a & (" : "b | (";
  text += "c" + std::string(20'001, ')');
  check({{text, "t", "a b c", "s -c cost 1 {a b t}"}});
}

// Hard by nature. The answer need not be the best, but it is a combination, and it comes.
TEST(Solver, GivesUpInTime) {
  std::uint32_t random = 1;
  const auto next = [&random](std::uint32_t below) {
    random = random * 1664525 + 1013904223;
    return static_cast<int>((random >> 8) % below);
  };
  std::vector<std::vector<std::array<int, 3>>> factors(40);
  for (auto& factor : factors)
    for (int i = 0; i < 8; ++i) factor.push_back({next(120), next(120), next(120)});
  std::string text = "s: t";
  for (const auto& factor : factors) {
    const char* before = " & (";
    for (const auto& [x, y, z] : factor)
      text += std::exchange(before, " | ") + fmt::format("{} & {} & {}", m(x), m(y), m(z));
    text += ")";
  }
  Names names;
  const Sets sets = sets_of(text, names);
  const Model target = names.number("t");
  std::vector<Running> running;
  for (int i = 0; i < 120; ++i) running.push_back({names.number(m(i)), 1 + next(50)});

  const Solution found = solve(sets, target, running);
  EXPECT_FALSE(found.exact);
  EXPECT_EQ(found.set, 0u);
  const auto kept = [&](Model model) {
    return std::ranges::binary_search(found.combination, model);
  };
  EXPECT_TRUE(kept(target));
  for (const auto& factor : factors) {
    EXPECT_TRUE(std::ranges::any_of(factor, [&](const auto& alternative) {
      return std::ranges::all_of(alternative, [&](int i) { return kept(names.number(m(i))); });
    }));
  }
  std::int64_t cost = 0;
  for (const auto& [model, price] : running) {
    const bool evicted = std::ranges::find(found.evicted, model) != found.evicted.end();
    EXPECT_NE(kept(model), evicted);
    if (evicted) cost += price;
  }
  EXPECT_EQ(found.cost, cost);

  const Solution again = solve(sets, target, running);
  EXPECT_EQ(found.evicted, again.evicted);
  EXPECT_EQ(found.combination, again.combination);
}

}  // namespace
}  // namespace llama_swap::matrix
