#include "matrix/cover.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace llama_swap::matrix {

Cover::Cover(std::vector<Alternatives> factors, const std::vector<Weight>& weights, Work& work)
    : factors_(std::move(factors)), weights_(weights), work_(work) {
  heaviest_first_.resize(weights.size());
  std::iota(heaviest_first_.begin(), heaviest_first_.end(), 0);
  std::ranges::stable_sort(heaviest_first_, std::greater<>(),
                           [&weights](std::size_t bit) { return weights[bit]; });
  const Bits none(weights.size());
  before_.assign(factors_.size() + 1, none);
  from_.assign(factors_.size() + 1, none);
  for (std::size_t level = 0; level < factors_.size(); ++level) {
    before_[level + 1] = before_[level];
    for (const Bits& alternative : factors_[level]) before_[level + 1] |= alternative;
  }
  for (std::size_t level = factors_.size(); level-- > 0;) {
    from_[level] = from_[level + 1];
    for (const Bits& alternative : factors_[level]) from_[level] |= alternative;
  }
}

Weight Cover::weigh(const Bits& bits, const Bits& covered) const {
  Weight sum = 0;
  bits.each_not_in(covered, [&](std::size_t bit) { sum += weights_[bit]; });
  return sum;
}

// What the factors from `level` on can add at most: no more than each could by itself, nor more
// than the heaviest of what they have, so many as they could add by number. (The former is weak
// where one heavy bit is everywhere, the latter where an alternative has many light ones.)
Weight Cover::bound(std::size_t level, const Bits& covered) {
  const Bits& open = from_[level];
  Weight by_weight = 0;
  std::size_t number = 0;
  for (; level < factors_.size(); ++level) {
    work_.spend(factors_[level].size());
    Weight most = 0;
    std::size_t largest = 0;
    for (const Bits& alternative : factors_[level]) {
      Weight weight = 0;
      std::size_t count = 0;
      alternative.each_not_in(covered, [&](std::size_t bit) {
        weight += weights_[bit];
        ++count;
      });
      most = std::max(most, weight);
      largest = std::max(largest, count);
    }
    by_weight += most;
    number += largest;
  }
  Weight by_number = 0;
  for (std::size_t bit : heaviest_first_) {
    if (!open.has(bit) || covered.has(bit)) continue;
    if (number-- == 0) break;
    by_number += weights_[bit];
  }
  return std::min(by_weight, by_number);
}

Weight Cover::most() {
  return most_from(0, Bits(weights_.size()), -1);
}

// What the factors from `level` on can add to `covered` if that is more than `floor`; otherwise
// anything from there up to `floor`. Branch and bound; what was found is kept by the part of
// `covered` that matters to what is left.
Weight Cover::most_from(std::size_t level, const Bits& covered, Weight floor) {
  if (level == factors_.size()) return 0;
  const Place place{level, covered & from_[level]};
  const auto known = known_.find(place);
  if (known != known_.end() && known->second.exact) return known->second.most;
  const Weight limit = known != known_.end() ? known->second.most : bound(level, covered);
  if (limit <= floor || work_.over()) return limit;

  const Alternatives& alternatives = factors_[level];
  std::vector<std::pair<Weight, const Bits*>> by_gain;
  for (const Bits& alternative : alternatives)
    by_gain.emplace_back(weigh(alternative, covered), &alternative);
  std::ranges::stable_sort(by_gain, std::greater<>(), &std::pair<Weight, const Bits*>::first);
  work_.spend(by_gain.size());

  Weight most = 0;
  for (const auto& [gain, alternative] : by_gain) {
    const Weight rest =
        most_from(level + 1, place.covered | *alternative, std::max(floor, most) - gain);
    most = std::max(most, gain + rest);
    if (most >= limit) break;
  }
  known_.insert_or_assign(place, Known{most, most > floor});
  return most;
}

std::optional<std::vector<std::size_t>> Cover::first() {
  const Weight target = most();
  chosen_.assign(factors_.size(), 0);
  if (work_.over() || !walk(0, Bits(weights_.size()), target) || work_.over()) return std::nullopt;
  return chosen_;
}

// Chooses for the factors from `level` on so that `missing` is added.
bool Cover::walk(std::size_t level, const Bits& covered, Weight missing) {
  if (level == factors_.size()) return missing == 0;
  const Alternatives& alternatives = factors_[level];
  for (std::size_t i = 0; i < alternatives.size() && !work_.over(); ++i) {
    work_.spend(1);
    Place next{level + 1, covered | alternatives[i]};
    const Weight still = missing - weigh(alternatives[i], covered);
    if (most_from(level + 1, next.covered, still - 1) < still) continue;
    if (!tried_.insert(next).second || !is_in_list(level + 1, next.covered)) continue;
    chosen_[level] = i;
    if (walk(level + 1, next.covered, still)) return true;
  }
  return false;
}

// Whether no union of the factors before `level` contains more than `covered`, which is one.
//
// A larger one would lead to a heavier end, and there is none, unless the factors from here on
// cover what it has more in any case. So nothing else has to be looked for: a union that has all of
// `covered`, each bit of which weighs more than all of those together, and something of them.
bool Cover::is_in_list(std::size_t level, const Bits& covered) {
  if (level == factors_.size()) return true;
  std::vector<Weight> weights(weights_.size(), 0);
  Weight more = 0;
  (before_[level] & from_[level]).each_not_in(covered, [&](std::size_t bit) {
    weights[bit] = 1;
    ++more;
  });
  if (more == 0) return true;
  Work work{work_.left - work_.checks_until};
  if (work.over()) {
    work_.exact = false;
    return true;
  }
  Weight all = 0;
  covered.each([&](std::size_t bit) { all += weights[bit] = more + 1; });
  std::vector<Alternatives> factors(factors_.begin(),
                                    factors_.begin() + static_cast<std::ptrdiff_t>(level));
  const bool larger =
      Cover(std::move(factors), weights, work).most_from(0, Bits(weights_.size()), all) > all;
  work_.left = work_.checks_until + work.left;
  if (work.over()) work_.exact = false;
  return work.over() || !larger;
}

std::vector<std::size_t> Cover::greedy() const {
  std::vector<std::size_t> out;
  Bits covered(weights_.size());
  for (const Alternatives& alternatives : factors_) {
    std::size_t best = 0;
    Weight most = -1;
    for (std::size_t i = 0; i < alternatives.size(); ++i) {
      const Weight gain = weigh(alternatives[i], covered);
      if (gain > most) {
        most = gain;
        best = i;
      }
    }
    out.push_back(best);
    covered |= alternatives[best];
  }
  return out;
}

}  // namespace llama_swap::matrix
