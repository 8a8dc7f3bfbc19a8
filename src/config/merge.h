// Several source files as one tree (1.3).
#pragma once

#include <vector>

#include "config/report.h"
#include "config/yaml_tree.h"

namespace llama_swap::config {

// Left to right; the result is a mapping, an empty one if all documents are. Every conflict is
// reported, naming the path and the later file; the earlier value is then kept.
Node merge(std::vector<Node> documents, Report& report);

}  // namespace llama_swap::config
