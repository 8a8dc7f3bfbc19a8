// Reading the source files (1.1, 1.2).
#pragma once

#include <vector>

#include "config/load.h"

namespace llama_swap::config {

struct ReadFiles {
  std::vector<Source> sources;    // one per listed file, empty text for one that could not be read
  std::vector<Problem> problems;  // files that could not be read
};

// Blocks. Errors: io, not_found and the like; too_large beyond kMaxTextBytes (yaml_tree.h).
util::Result<std::string> read_file(const std::filesystem::path& path);

ReadFiles read_files(const std::vector<std::filesystem::path>& files);

}  // namespace llama_swap::config
