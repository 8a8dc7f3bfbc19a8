// Which combination of alternatives covers most: one alternative of each of several factors, so
// that their union weighs most. Hard in general (it is the maximum coverage problem), so the work
// has a bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "matrix/bits.h"

namespace llama_swap::matrix {

// Sums of as many costs as there can be models do not fit 64 bits.
__extension__ typedef __int128 Weight;

// The work that may still be done, in operations on sets.
struct Work {
  std::int64_t left = 0;
  std::int64_t checks_until = 0;  // only while more than that is left: checks that may be omitted
  bool exact = true;              // nothing was cut short so far
  bool over() const { return left <= 0; }
  void spend(std::size_t operations) {
    left -= static_cast<std::int64_t>(operations);
    if (over()) exact = false;
  }
};

class Cover {
 public:
  using Alternatives = std::vector<Bits>;  // at least one; none contains another

  // By bit: the weight, not negative. `weights` and `work` must outlive the cover.
  Cover(std::vector<Alternatives> factors, const std::vector<Weight>& weights, Work& work);

  // The weight of the best union. Means nothing once the work is over.
  Weight most();

  // The alternatives, one a factor, of the first union that weighs most, in the order in which the
  // state list of spec config 8.3 would hold it: the choice for the first factor counts first, then
  // that for the second, and so on; but a choice for some of the factors (from the first one on)
  // whose union is part of another union of these factors does not count, as it is not in the list.
  // All weights must be positive. Nothing: the work is over.
  std::optional<std::vector<std::size_t>> first();

  // The same by taking what adds most, factor by factor: quick, and often not the best.
  std::vector<std::size_t> greedy() const;

 private:
  struct Place {
    std::size_t level;
    Bits covered;
    bool operator==(const Place&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Place& place) const { return place.covered.hash() + place.level; }
  };
  struct Known {
    Weight most;  // that the factors from the level on can add
    bool exact;   // false: at most so much
  };

  Weight weigh(const Bits& bits, const Bits& covered) const;
  Weight bound(std::size_t level, const Bits& covered);
  Weight most_from(std::size_t level, const Bits& covered, Weight floor);
  bool walk(std::size_t level, const Bits& covered, Weight missing);
  bool is_in_list(std::size_t level, const Bits& covered);

  const std::vector<Alternatives> factors_;
  const std::vector<Weight>& weights_;
  Work& work_;
  std::vector<Bits> before_;                 // by level: all that the factors before it have
  std::vector<Bits> from_;                   // by level: all that the factors from it on have
  std::vector<std::size_t> heaviest_first_;  // bits
  std::unordered_map<Place, Known, Hash> known_;
  std::unordered_set<Place, Hash> tried_;
  std::vector<std::size_t> chosen_;
};

}  // namespace llama_swap::matrix
