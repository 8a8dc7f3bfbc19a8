// What `-version` and GET /api/version say. Set when the build is configured.
#pragma once

#include <string_view>

namespace llama_swap::app {

extern const std::string_view kVersion;
extern const std::string_view kCommit;
extern const std::string_view kBuildDate;

}  // namespace llama_swap::app
