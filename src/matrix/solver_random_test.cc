// The solver against the letter of spec config 8.3 and 8.2, on small random matrices: the list of
// states as it is told there, and all combinations one by one.
#include <random>

#include "matrix/test_support.h"

namespace llama_swap::matrix {
namespace {

using testing::Names;

constexpr int kMatrices = 10'000;
constexpr int kQuestions = 10;  // to each
constexpr int kModels = 9;

using Mask = unsigned;  // a set of models

Mask mask_of(Model model) {
  return 1u << model;
}
bool part_of(Mask a, Mask b) {
  return (a & ~b) == 0;
}
Mask mask_of(const std::vector<Running>& running) {
  Mask out = 0;
  for (const Running& model : running) out |= mask_of(model.model);
  return out;
}
std::vector<Model> models_of(Mask mask) {
  std::vector<Model> out;
  for (Model model = 0; model < kModels; ++model)
    if (part_of(mask_of(model), mask)) out.push_back(model);
  return out;
}
std::int64_t cost_of(const std::vector<Running>& running, Mask kept) {
  std::int64_t cost = 0;
  for (const Running& model : running)
    if (!part_of(mask_of(model.model), kept)) cost += model.cost;
  return cost;
}

// 8.3: a state, and the combination that produced it first.
struct State {
  Mask relevant = 0;
  Mask whole = 0;
};

void add(std::vector<State>& list, const State& state) {
  for (const State& other : list)
    if (part_of(state.relevant, other.relevant)) return;
  std::erase_if(list, [&](const State& other) { return part_of(other.relevant, state.relevant); });
  list.push_back(state);
}

std::vector<State> list_of(const Sets& sets, std::size_t number, Mask relevant) {
  const Term& term = sets.terms()[number];
  if (term.kind == Term::model) return {{mask_of(term.of) & relevant, mask_of(term.of)}};
  std::vector<State> out;
  if (term.kind == Term::all_of) out.emplace_back();
  for (std::size_t child : sets.children(term)) {
    const auto right = list_of(sets, child, relevant);
    if (term.kind == Term::any_of) {
      for (const State& state : right) add(out, state);
      continue;
    }
    std::vector<State> next;
    for (const State& a : out)
      for (const State& b : right) add(next, {a.relevant | b.relevant, a.whole | b.whole});
    out = std::move(next);
  }
  return out;
}

// 8.2
std::vector<Mask> expanded(const Sets& sets, std::size_t number) {
  const Term& term = sets.terms()[number];
  if (term.kind == Term::model) return {mask_of(term.of)};
  std::vector<Mask> out;
  if (term.kind == Term::all_of) out.emplace_back();
  for (std::size_t child : sets.children(term)) {
    const auto right = expanded(sets, child);
    if (term.kind == Term::any_of) {
      out.insert(out.end(), right.begin(), right.end());
      continue;
    }
    std::vector<Mask> next;
    for (Mask a : out)
      for (Mask b : right) next.push_back(a | b);
    out = std::move(next);
  }
  return out;
}

// The number of combinations.
double size_of(const Sets& sets, std::size_t number) {
  const Term& term = sets.terms()[number];
  double out = term.kind == Term::any_of ? 0 : 1;
  for (std::size_t child : sets.children(term)) {
    if (term.kind == Term::any_of) out += size_of(sets, child);
    if (term.kind == Term::all_of) out *= size_of(sets, child);
  }
  return out;
}

Solution by_the_letter(const Sets& sets, Model target, const std::vector<Running>& running) {
  const Mask running_mask = mask_of(running);
  const bool runs = part_of(mask_of(target), running_mask);
  const Mask wanted = runs ? running_mask : mask_of(target);
  Solution out;
  Mask kept = 0;
  for (std::size_t set : sets.order()) {
    for (const State& state : list_of(sets, sets.root(set), running_mask | wanted)) {
      const std::int64_t cost = cost_of(running, state.relevant);
      if (!part_of(wanted, state.relevant) || (out.set && cost >= out.cost)) continue;
      out.set = set;
      out.cost = cost;
      out.combination = models_of(state.whole);
      kept = state.relevant;
    }
  }
  if (runs) return out;
  if (!out.set) out.combination = {target};
  for (const Running& model : running)
    if (!part_of(mask_of(model.model), kept)) out.evicted.push_back(model.model);
  return out;
}

class Random {
 public:
  explicit Random(unsigned seed) : random_(seed) {}

  std::string matrix() {
    models_ = between(2, kModels);
    std::string out;
    const int sets = between(1, 3);
    for (int set = 0; set < sets; ++set) {
      out += fmt::format("{}s{}: ", set > 0 ? "; " : "", set);
      out += chance(25) ? groups() : expression(between(1, 3), set);
    }
    return out;
  }

  std::string model() { return std::string(1, static_cast<char>('a' + between(0, models_ - 1))); }

  // `target` is not among them, as a rule.
  std::string running(const std::string& target) {
    std::string out;
    const bool priced = chance(50), target_too = chance(10);
    const int likely = between(30, 100);
    for (int i = 0; i < models_; ++i) {
      if (!chance(likely) || (!target_too && target[0] == 'a' + i)) continue;
      out += static_cast<char>('a' + i);
      if (priced) out += fmt::format("={}", between(1, 4));
      out += ' ';
    }
    return out;
  }

 private:
  int between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool chance(int percent) { return between(1, 100) <= percent; }

  // Refers only to sets that come earlier.
  std::string expression(int depth, int set) {
    if (depth == 0 || chance(15))
      return set > 0 && chance(25) ? fmt::format("+s{}", between(0, set - 1)) : model();
    const int parts = between(2, depth > 1 ? 4 : 3);
    const bool all = chance(50);
    std::string out = "(";
    for (int i = 0; i < parts; ++i)
      out += (i == 0 ? "" : all ? " & " : " | ") + expression(depth - 1, set);
    return out + ")";
  }

  // One of each of several groups that have models in common.
  std::string groups() {
    std::string out;
    const int groups = between(3, 6);
    for (int group = 0; group < groups; ++group) {
      out += group > 0 ? " & (" : "(";
      const int members = between(1, 4);
      for (int i = 0; i < members; ++i)
        out += (i > 0 ? " | " : "") + model() + (chance(25) ? " & " + model() : "");
      out += ")";
    }
    return out;
  }

  std::mt19937 random_;
  int models_ = 0;
};

struct Question {
  std::string target, running;  // as words
  Model model;
  std::vector<Running> beside;
};

Question ask(Random& random, Names& names) {
  Question out;
  out.target = random.model();
  out.running = random.running(out.target);
  out.model = names.number(out.target);
  out.beside = testing::running_of(out.running, names);
  return out;
}

std::string text_of(const std::string& matrix, const Question& question) {
  return fmt::format("{}\nfor {} beside {}", matrix, question.target, question.running);
}

Names letters() {
  Names names;
  for (char c = 'a'; c < 'a' + kModels; ++c) names.number(std::string(1, c));
  return names;
}

TEST(SolverRandom, AgreesWithTheListOfStates) {
  Random random(1);
  Names names = letters();
  int chosen = 0, evicting = 0;
  for (int i = 0; i < kMatrices; ++i) {
    const std::string matrix = random.matrix();
    const Sets sets = testing::sets_of(matrix, names);
    for (int k = 0; k < kQuestions; ++k) {
      const Question question = ask(random, names);
      const Solution got = solve(sets, question.model, question.beside);
      const Solution want = by_the_letter(sets, question.model, question.beside);
      ASSERT_EQ(got, want) << text_of(matrix, question) << "\n"
                           << testing::text_of(got, sets, names) << " instead of "
                           << testing::text_of(want, sets, names);
      chosen += got.set.has_value();
      evicting += got.set && !got.evicted.empty();
    }
  }
  // The questions were not trivial.
  EXPECT_GT(chosen, kMatrices * kQuestions / 2);
  EXPECT_GT(evicting, kMatrices * kQuestions / 4);
}

// 8.3 leaves combinations out. None of them is cheaper.
TEST(SolverRandom, NoCombinationIsCheaper) {
  Random random(2);
  Names names = letters();
  int compared = 0;
  for (int i = 0; i < kMatrices; ++i) {
    const std::string matrix = random.matrix();
    const Sets sets = testing::sets_of(matrix, names);
    const Question question = ask(random, names);
    const Solution got = solve(sets, question.model, question.beside);
    if (part_of(mask_of(question.model), mask_of(question.beside))) continue;
    for (std::size_t set = 0; set < sets.size(); ++set) {
      if (size_of(sets, sets.root(set)) > 5000) continue;
      for (Mask combination : expanded(sets, sets.root(set))) {
        if (!part_of(mask_of(question.model), combination)) continue;
        ASSERT_LE(got.cost, cost_of(question.beside, combination)) << text_of(matrix, question);
        ASSERT_TRUE(got.set) << text_of(matrix, question);
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, kMatrices);
}

}  // namespace
}  // namespace llama_swap::matrix
