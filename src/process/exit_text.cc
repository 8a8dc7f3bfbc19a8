#include "process/exit_text.h"

#include <sys/wait.h>

#include <cstring>

#include "util/text.h"

namespace llama_swap::process {

std::string exit_text(int wait_status) {
  if (WIFEXITED(wait_status)) return "exit status " + std::to_string(WEXITSTATUS(wait_status));
  std::string text = "signal: " + util::lower(::strsignal(WTERMSIG(wait_status)));
  if (WCOREDUMP(wait_status)) text += " (core dumped)";
  return text;
}

}  // namespace llama_swap::process
