// Command strings of models (section 4): which lines count, and how a command becomes arguments. No
// shell is involved: variables, globs, pipes and redirections are ordinary text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace llama_swap::config {

// Without the lines (split at LF) whose first non-blank character is #; the others are untouched
// (4.1).
std::string without_comments(std::string_view command);

// The arguments of a `cmd` (4.2). Empty: there is nothing to run.
std::vector<std::string> split_command(std::string_view command);

// The arguments of a `cmdStop` for this process (4.3). Empty: send SIGTERM instead.
std::vector<std::string> stop_command(std::string_view cmd_stop, std::int64_t pid);

}  // namespace llama_swap::config
