// How it is done without expanding anything.
//
// Only the models concerned count: the target and those running. A combination is a set of them (a
// state). The target weighs more than all others together, the others what it costs to stop them:
// what is looked for is the heaviest state, and of several the one that comes first in the list of
// spec 8.3. In that list no state is part of another one; as weights are positive, no heaviest
// state is ever missing in it.
//
// The lists are built bottom up, term by term, with two short cuts.
//
// 1. A term is *closed* if what it has of the models concerned occurs nowhere around it. Around it
//    is: every other factor of an `&` it is part of; every other alternative of a `|` it is part
//    of, if that is not closed itself. Of a closed term only one state is kept, the first of its
//    heaviest ones. For let s be that one, t another one of the same weight, and r the rest of a
//    state of some term around. Where s+r is in the list (not part of another state), so is t+r,
//    and the other way round, as whatever is around has nothing of s or t; and s+r comes before
//    t+r. So wherever t leads to a heaviest state, s leads to one that comes earlier, and to leave
//    out t changes nothing of the order of the others. This makes disjoint factors independent.
//
// 2. Of a closed `&` only the first heaviest state is wanted. Its factors fall into groups that
//    share no models; these are independent for the same reason. A group of one gives its best
//    state. A larger one is searched in the order of the list (cover.h) instead of making the list.
//
// solver_random_test.cc compares all this with the letter of the specification.
#include "matrix/solver.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "matrix/bits.h"
#include "matrix/cover.h"

namespace llama_swap::matrix {
namespace {

// Some 50 ms on a machine of 2020.
constexpr std::int64_t kWork = 2'000'000;
// What a state of a product costs, in operations on sets. It also bounds the memory of lists.
constexpr std::size_t kEntry = 8;
constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

struct State {
  Bits models{0};
  Weight weight = 0;
  std::size_t origin = 0;  // which combination: into the list of origins
};
using States = std::vector<State>;

// A model, or what two origins have together.
struct Origin {
  bool is_model = true;
  Model model = 0;
  std::size_t left = 0, right = 0;
};

class Search {
 public:
  // Weights are positive.
  Search(const Sets& sets, const std::vector<Model>& concerned, std::vector<Weight> weights)
      : sets_(sets), weights_(std::move(weights)), none_(concerned.size()) {
    for (std::size_t bit = 0; bit < concerned.size(); ++bit) bits_.emplace(concerned[bit], bit);
    work_.left = kWork / static_cast<std::int64_t>(concerned.size() / 64 + 1);
    work_.checks_until = work_.left / 2;
    for (const Term& term : sets_.terms()) all_.push_back(all_of(term));
    around_.resize(all_.size(), none_);
    lists_.resize(all_.size());
    reached_.resize(all_.size());
  }

  // All models concerned that a set has, and what they weigh together.
  const Bits& models(std::size_t set) const { return all_[sets_.root(set)]; }
  Weight limit(std::size_t set) const { return weigh(models(set)); }
  const Work& work() const { return work_; }

  // The first of the heaviest states of a set.
  State best(std::size_t set) {
    const std::size_t root = sets_.root(set);
    const std::vector<std::size_t> terms = reach(root);
    for (auto term = terms.rbegin(); term != terms.rend(); ++term) look_around(*term);
    for (std::size_t term : terms) lists_[term] = list(term);
    return best_of(lists_[root]);
  }

  std::vector<Model> combination(const State& state) const {
    std::vector<Model> out;
    std::vector<bool> seen(origins_.size());
    std::vector<std::size_t> todo{state.origin};
    while (!todo.empty()) {
      const std::size_t at = todo.back();
      todo.pop_back();
      if (seen[at]) continue;
      seen[at] = true;
      const Origin& origin = origins_[at];
      if (origin.is_model) {
        out.push_back(origin.model);
      } else {
        todo.insert(todo.end(), {origin.left, origin.right});
      }
    }
    std::ranges::sort(out);
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

 private:
  Weight weigh(const Bits& bits) const {
    Weight sum = 0;
    bits.each([&](std::size_t bit) { sum += weights_[bit]; });
    return sum;
  }

  Bits all_of(const Term& term) const {
    Bits all = none_;
    if (term.kind == Term::model) {
      const auto found = bits_.find(term.of);
      if (found != bits_.end()) all.set(found->second);
    }
    for (std::size_t child : sets_.children(term)) all |= all_[child];
    return all;
  }

  // ---- what a set consists of, and what is around its parts

  // The terms of a set, children before parents.
  std::vector<std::size_t> reach(std::size_t root) {
    std::vector<std::size_t> out{root};
    ++round_;
    for (std::size_t i = 0; i < out.size(); ++i) {
      around_[out[i]] = none_;
      const auto children = sets_.children(sets_.terms()[out[i]]);
      work_.spend(1 + children.size());
      for (std::size_t child : children)
        if (std::exchange(reached_[child], round_) != round_) out.push_back(child);
    }
    std::ranges::sort(out);
    return out;
  }

  bool closed(std::size_t term) const { return !around_[term].intersects(all_[term]); }

  // Tells the children of a term what is around them. A child may have several parents; what is
  // around it is what is around any of its places.
  void look_around(std::size_t number) {
    const Term& term = sets_.terms()[number];
    const auto children = sets_.children(term);
    if (term.kind == Term::any_of && closed(number)) {
      for (std::size_t child : children) around_[child] |= around_[number];
      return;
    }
    Bits others = around_[number];
    for (std::size_t child : children) {
      around_[child] |= others;
      others |= all_[child];
    }
    others = none_;
    for (std::size_t i = children.size(); i-- > 0;) {
      around_[children[i]] |= others;
      others |= all_[children[i]];
    }
  }

  // ---- lists of states

  States list(std::size_t number) {
    const Term& term = sets_.terms()[number];
    if (term.kind == Term::model) return {leaf(term.of, all_[number])};
    if (term.kind == Term::any_of)
      return closed(number) ? States{best_alternative(term)} : any_of(term);
    return closed(number) ? States{best_product(term)} : all_of_list(term);
  }

  State leaf(Model model, const Bits& bits) {
    origins_.push_back({true, model, 0, 0});
    return {bits, weigh(bits), origins_.size() - 1};
  }

  static const State& best_of(const States& states) {
    return *std::ranges::max_element(states, {}, &State::weight);
  }

  State best_alternative(const Term& term) const {
    const State* best = nullptr;
    for (std::size_t child : sets_.children(term)) {
      const State& candidate = best_of(lists_[child]);
      if (!best || candidate.weight > best->weight) best = &candidate;
    }
    return *best;
  }

  States any_of(const Term& term) {
    States out;
    for (std::size_t child : sets_.children(term))
      for (const State& state : lists_[child])
        if (makes_room(out, state.models)) out.push_back(state);
    return work_.over() ? States{best_alternative(term)} : out;
  }

  States all_of_list(const Term& term) {
    const auto children = sets_.children(term);
    States out = lists_[children.front()];
    Bits models = all_[children.front()];
    for (std::size_t child : children.subspan(1)) {
      out = product(out, lists_[child], !models.intersects(all_[child]));
      models |= all_[child];
    }
    return out;
  }

  // What is found late must not be lost when the work is over, in particular not the target: then
  // it is the best of both sides.
  States product(const States& left, const States& right, bool disjoint) {
    States out;
    for (const State& a : left) {
      for (const State& b : right) {
        if (work_.over()) return {unite(best_of(left), best_of(right))};
        // Of disjoint sides no state is part of another one.
        if (!disjoint && !makes_room(out, a.models | b.models)) continue;
        out.push_back(unite(a, b));
        work_.spend(kEntry);
      }
    }
    return out;
  }

  // The rule of spec 8.3 for what comes to a list: false if it is part of a state in there, else
  // the states that are part of it are taken out.
  bool makes_room(States& list, const Bits& models) {
    if (work_.over()) return false;
    work_.spend(1 + list.size());
    const auto has_it = [&models](const State& state) { return state.models.contains(models); };
    if (std::ranges::any_of(list, has_it)) return false;
    std::erase_if(list, [&models](const State& state) { return models.contains(state.models); });
    return true;
  }

  State unite(const State& a, const State& b) {
    State out{a.models | b.models, 0, join(a.origin, b.origin)};
    out.weight = weigh(out.models);
    return out;
  }
  std::size_t join(std::size_t left, std::size_t right) {
    origins_.push_back({false, 0, left, right});
    return origins_.size() - 1;
  }

  // ---- the best state of a closed `&`

  State best_product(const Term& term) {
    std::optional<State> out;
    for (const auto& group : groups(sets_.children(term))) {
      const State state = group.size() == 1 ? best_of(lists_[group.front()]) : best_of_group(group);
      out = out ? unite(*out, state) : state;
    }
    return *out;
  }

  // Factors that share models, directly or by way of others, are in one group.
  std::vector<std::vector<std::size_t>> groups(std::span<const std::size_t> factors) const {
    std::vector<std::size_t> leader(factors.size());
    std::iota(leader.begin(), leader.end(), 0);
    const auto find = [&leader](std::size_t i) {
      while (leader[i] != i) i = leader[i] = leader[leader[i]];
      return i;
    };
    std::vector<std::size_t> owner(weights_.size(), kNone);  // by bit: a factor that has it
    for (std::size_t i = 0; i < factors.size(); ++i) {
      all_[factors[i]].each([&](std::size_t bit) {
        if (owner[bit] == kNone) owner[bit] = i;
        const std::size_t a = find(owner[bit]), b = find(i);
        leader[std::max(a, b)] = std::min(a, b);
      });
    }
    std::vector<std::vector<std::size_t>> out;
    std::vector<std::size_t> group(factors.size(), kNone);  // by leader
    for (std::size_t i = 0; i < factors.size(); ++i) {
      std::size_t& at = group[find(i)];
      if (at == kNone) {
        at = out.size();
        out.emplace_back();
      }
      out[at].push_back(factors[i]);
    }
    return out;
  }

  State best_of_group(const std::vector<std::size_t>& factors) {
    State fixed{none_, 0, kNone};      // what factors without a choice give
    std::vector<const States*> lists;  // of those that matter to the search
    std::vector<Cover::Alternatives> alternatives;
    for (std::size_t factor : factors) {
      const States& states = lists_[factor];
      if (states.size() == 1) {
        const bool adds = !fixed.models.contains(states.front().models);
        fixed.models |= states.front().models;
        fixed.origin = fixed.origin == kNone ? states.front().origin
                                             : join(fixed.origin, states.front().origin);
        if (!adds) continue;  // it changes no state of the factors before it
      }
      lists.push_back(&states);
      auto& masks = alternatives.emplace_back();
      for (const State& state : states) masks.push_back(state.models);
    }
    Cover cover(std::move(alternatives), weights_, work_);
    const auto chosen = work_.over() ? std::nullopt : cover.first();
    const std::vector<std::size_t> choice = chosen ? *chosen : cover.greedy();
    std::optional<State> out;
    if (fixed.origin != kNone) out = fixed;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const State& state = (*lists[i])[choice[i]];
      out = out ? unite(*out, state) : state;
    }
    return *out;
  }

  const Sets& sets_;
  const std::vector<Weight> weights_;            // by bit
  const Bits none_;                              // of as many bits as there are models concerned
  std::unordered_map<Model, std::size_t> bits_;  // of the models concerned
  Work work_;

  // By term.
  std::vector<Bits> all_;     // the models concerned that it has
  std::vector<Bits> around_;  // those around it, in the set that is being searched
  std::vector<States> lists_;
  std::vector<std::size_t> reached_;  // the round in which it was reached last

  std::size_t round_ = 0;  // counts the sets that were searched
  std::vector<Origin> origins_;
};

// The first set that can hold all of `models`, and the combination.
Solution find_all(const Sets& sets, const std::vector<Model>& models) {
  Solution out;
  const auto total = static_cast<Weight>(models.size());
  Search search(sets, models, std::vector<Weight>(models.size(), 1));
  for (std::size_t set : sets.order()) {
    if (search.limit(set) < total || search.work().over()) continue;
    const State state = search.best(set);
    if (state.weight < total) continue;
    out.set = set;
    out.combination = search.combination(state);
    break;
  }
  out.exact = out.set || search.work().exact;
  return out;
}

}  // namespace

Solution solve(const Sets& sets, Model target, std::span<const Running> running) {
  std::vector<Model> concerned;
  std::vector<Weight> weights;
  Weight total = 1;
  for (const Running& model : running) {
    concerned.push_back(model.model);
    weights.push_back(model.cost);
    total += model.cost;
  }
  if (std::ranges::find(concerned, target) != concerned.end()) return find_all(sets, concerned);
  const std::size_t target_bit = concerned.size();
  concerned.push_back(target);
  weights.push_back(total);

  Search search(sets, concerned, weights);
  State best{Bits(concerned.size()), 0, kNone};
  Solution out;
  for (std::size_t set : sets.order()) {
    if (!search.models(set).has(target_bit) || search.limit(set) <= best.weight) continue;
    if (out.set && search.work().over()) break;
    State state = search.best(set);
    if (state.weight <= best.weight) continue;
    best = std::move(state);
    out.set = set;
  }
  out.exact = search.work().exact;
  for (std::size_t bit = 0; bit < running.size(); ++bit) {
    if (!best.models.has(bit)) out.evicted.push_back(running[bit].model);
  }
  if (!out.set) {
    out.combination = {target};
    return out;
  }
  out.combination = search.combination(best);
  const Weight cost = 2 * total - 1 - best.weight;
  out.cost =
      static_cast<std::int64_t>(std::min<Weight>(cost, std::numeric_limits<std::int64_t>::max()));
  return out;
}

bool can_run_together(const Sets& sets, std::span<const Model> models) {
  std::vector<Model> all(models.begin(), models.end());
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return find_all(sets, all).set.has_value();
}

}  // namespace llama_swap::matrix
