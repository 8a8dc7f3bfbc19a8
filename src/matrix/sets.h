// The sets of a matrix: all expressions with their names resolved (spec config 8.1, 8.2).
//
// An expression stands for a list of combinations, that is, of models that may run together:
//   NAME    one combination, of that model        x & y   each of x united with each of y
//   +NAME   those of that set                     x | y   those of x, then those of y
// A combination permits each of its subsets, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "matrix/expression.h"

namespace llama_swap::matrix {

// A number of the caller's choice.
using Model = std::uint32_t;

// A part of an expression. Whatever means the same is there once: a model, a set that others refer
// to.
struct Term {
  enum Kind { model, all_of, any_of };
  Kind kind = model;
  Model of = 0;           // model
  std::size_t first = 0;  // all_of, any_of: its children are so many
  std::size_t count = 0;  // from there in the list of children
};

struct SetFault {
  std::size_t set = 0;  // index into the definitions
  std::string message;  // names the set
  std::size_t at = 0;   // byte offset in its expression
};

// Immutable.
class Sets {
 public:
  // Name and expression, in the order of spec 7.4.
  using Definitions = std::vector<std::pair<std::string, std::string>>;
  // What a name in an expression means; nothing: it is neither a var nor a model.
  using Lookup = std::function<std::optional<Model>(std::string_view name)>;

  // Everything that is wrong, set by set: what does not parse, or else what is not known. If that
  // is nothing, a circular reference.
  static tl::expected<Sets, std::vector<SetFault>> build(const Definitions& definitions,
                                                         const Lookup& lookup);

  // All by number of the set, in the order of its definition.
  std::size_t size() const { return names_.size(); }
  const std::string& name(std::size_t set) const { return names_[set]; }
  const std::string& expression(std::size_t set) const { return expressions_[set]; }
  std::size_t root(std::size_t set) const { return roots_[set]; }  // a term

  // The order in which sets are looked at: as defined, but those that a set refers to come first.
  const std::vector<std::size_t>& order() const { return order_; }

  // Children have smaller numbers than their parents.
  const std::vector<Term>& terms() const { return terms_; }
  std::span<const std::size_t> children(const Term& term) const {
    return std::span(children_).subspan(term.first, term.count);
  }

 private:
  std::vector<std::string> names_, expressions_;
  std::vector<std::size_t> roots_;
  std::vector<std::size_t> order_;
  std::vector<Term> terms_;
  std::vector<std::size_t> children_;

  friend class Builder;
};

}  // namespace llama_swap::matrix
