// Macros: declarations and their application to a tree (3.2, 3.3).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/report.h"
#include "config/yaml_tree.h"

namespace llama_swap::config {

struct Macro {
  std::string name;
  Node value;  // a scalar
};
using Macros = std::vector<Macro>;  // in the order of declaration; applied from last to first

// The declarations of a `macros` block (null: there is none). `path` is that of the block. Invalid
// ones are reported.
Macros declare_macros(const Node* block, const std::string& path, Report& report);

// What holds in a model: MODEL_ID, then the global macros with the model's own in place of those of
// the same name, then the model's other ones.
Macros model_macros(const std::string& model, const Macros& global, const Macros& own);

// Replaces ${NAME} in the string values of trees; keys stay as they are. A string that is nothing
// but ${NAME} takes the macro's type, too. Positions stay those of the use.
class Substitution {
 public:
  explicit Substitution(Report& report) : report_(report) {}

  void apply(const Macros& macros, Node& tree);
  // Also in the keys of this one mapping (not below it), as text. Two keys that become equal are
  // reported; `path` is that of the mapping.
  void apply_to_keys(const Macros& macros, Node& mapping, const std::string& path);

 private:
  // All macros in one string.
  void apply_to_string(const Macros& macros, Node& string);
  void replace(const Macro& macro, Node& string);

  Report& report_;
  std::size_t written_ =
      0;  // bytes, over all replacements: nested macros could otherwise fill the memory
};

std::string placeholder(std::string_view name);  // "${name}"

}  // namespace llama_swap::config
