// How a process ended, in the words of the original's log: "exit status 1", "signal: killed".
#pragma once

#include <string>

namespace llama_swap::process {

std::string exit_text(int wait_status);

}  // namespace llama_swap::process
