// Aliases and merge keys (`<<`) become independent copies (2, step 4).
#pragma once

#include "config/report.h"
#include "config/yaml_tree.h"

namespace llama_swap::config {

// The whole merged tree without aliases (as it is, if there are none). A `<<` within a `macros`
// block stays as it is: there it is no merge but an invalid name. Explicit keys win over merged
// ones, earlier merges over later ones. Errors are reported.
Node expand(Node root, Report& report);

}  // namespace llama_swap::config
