// What a reload would do.
#pragma once

#include <string>

#include "config/load.h"

namespace llama_swap::app {

// Several lines: for each model whether it runs on or not and the keys that say so, then the other
// keys that changed. Both must have a config. Keys only, no values.
std::string reload_effect(const config::LoadResult& before, const config::LoadResult& after);

}  // namespace llama_swap::app
