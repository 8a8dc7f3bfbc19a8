// For the tests of this folder: matrices and questions as text.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "matrix/solver.h"
#include "util/text.h"

namespace llama_swap::matrix::testing {

// Gives every name a number when it is met first.
class Names {
 public:
  Model number(std::string_view name) {
    const auto [found, is_new] = numbers_.emplace(name, static_cast<Model>(names_.size()));
    if (is_new) names_.push_back(found->first);
    return found->second;
  }
  // Sorted by name if `sorted`, else as they are; with spaces between them.
  std::string text(const std::vector<Model>& models, bool sorted) const {
    std::vector<std::string> out;
    for (Model model : models) out.push_back(names_[model]);
    if (sorted) std::ranges::sort(out);
    return util::join(out, " ");
  }

 private:
  std::map<std::string, Model, std::less<>> numbers_;
  std::vector<std::string> names_;
};

// "one: a & x; two: a & y"
inline Sets sets_of(std::string_view text, Names& names) {
  Sets::Definitions definitions;
  for (std::string_view line : util::split(text, ';')) {
    const std::size_t colon = line.find(':');
    definitions.emplace_back(util::trim(line.substr(0, colon)), line.substr(colon + 1));
  }
  auto sets =
      Sets::build(definitions, [&names](std::string_view name) { return names.number(name); });
  EXPECT_TRUE(sets) << (sets ? "" : sets.error().front().message) << " in " << text;
  return sets ? *std::move(sets) : Sets();
}

// "b=5 c x": what runs; 1 is what each costs where nothing is said.
inline std::vector<Running> running_of(std::string_view text, Names& names) {
  std::vector<Running> out;
  for (std::string_view word : util::split(text, ' ')) {
    const std::size_t sign = word.find('=');
    if (word.empty()) continue;
    const std::int64_t cost =
        sign == word.npos ? 1 : std::stoll(std::string(word.substr(sign + 1)));
    out.push_back({names.number(word.substr(0, sign)), cost});
  }
  return out;
}

// "duo -a cost 3 {b t}": the set (none: -), the evicted ones, their cost, the combination.
inline std::string text_of(const Solution& solution, const Sets& sets, const Names& names) {
  std::string out = solution.set ? sets.name(*solution.set) : "-";
  for (Model model : solution.evicted) out += " -" + names.text({model}, false);
  out += fmt::format(" cost {} {{{}}}", solution.cost, names.text(solution.combination, true));
  return solution.exact ? out : out + " perhaps";
}

}  // namespace llama_swap::matrix::testing
