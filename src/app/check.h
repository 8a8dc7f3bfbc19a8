// `llama-swap check`: looks at a configuration without serving it. Nothing is started, nothing is
// changed; only the sources are read.
#pragma once

#include <string>
#include <vector>

namespace llama_swap::app {

// `arguments`: behind the word "check". What is wrong goes to stderr, what was asked for to stdout.
// The exit code: 0 valid; 1 not valid, or there is no such model; 2 the command line is wrong.
int check(const std::vector<std::string>& arguments);

}  // namespace llama_swap::app
