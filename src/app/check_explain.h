// What a name in a request means, and what would be done to serve it.
#pragma once

#include <optional>
#include <string>

#include "config/config.h"

namespace llama_swap::app {

// Several lines: of a local model how it is started and stopped, its limits, and what it displaces,
// by the policy that the daemon asks. Of a selector or a model of a peer what it stands for.
// Secrets are masked. Nothing: the name means nothing.
std::optional<std::string> explain(const config::ConfigPtr& config, const std::string& name);

}  // namespace llama_swap::app
