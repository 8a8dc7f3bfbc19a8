// A tree as YAML, with the place of each value behind it: "file:line:column", or "default".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/yaml_tree.h"

namespace llama_swap::app {

// `sources`: the names that Mark::source counts in. Read by the loader, it gives the same tree.
std::string yaml_with_places(const config::Node& tree, const std::vector<std::string>& sources);

// A string as a YAML scalar on one line: as it is where that cannot be misread, else quoted.
std::string yaml_string(std::string_view text);

}  // namespace llama_swap::app
