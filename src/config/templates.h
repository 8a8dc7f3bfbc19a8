// Everything between the merged tree and its typed reading: macros, ports, and what must not be
// left of them (2, steps 3 and 5 to 9; 3.2 to 3.5).
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "config/report.h"
#include "config/yaml_tree.h"

namespace llama_swap::config {

using Ports = std::map<std::string, std::int64_t>;  // of the models that use ${PORT} in cmd

// Applies all macros within the expanded tree and takes the `macros` blocks out of it. Models get
// their default proxy and lose the comment lines of their commands. Errors are reported.
Ports apply_templates(Node& root, Report& report);

// Reports every ${NAME} and ${env.NAME} left in values that are going to be used (3.5).
void check_placeholders(const Node& root, Report& report);

}  // namespace llama_swap::config
