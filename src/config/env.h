// Environment substitution: ${env.NAME} in the text of a source, before it is parsed (3.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/load.h"
#include "config/report.h"
#include "config/yaml_tree.h"

namespace llama_swap::config {

// The document of sources[source], with ${env.NAME} filled in twice (so a value may itself name a
// variable, one level deep). Nothing: errors were reported. A null root: there is nothing in it.
std::optional<Node> read_document(const Source& source, int number, const EnvLookup& env,
                                  Report& report);

// The first ${env.NAME} at or after `from`; `begin` == npos: none. `name` points into `text`.
struct EnvReference {
  std::size_t begin = std::string_view::npos;
  std::size_t end = std::string_view::npos;
  std::string_view name;
};
EnvReference find_env_reference(std::string_view text, std::size_t from);

}  // namespace llama_swap::config
