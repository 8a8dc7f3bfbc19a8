// Linux: starting a program from the shim.
#pragma once

#include <sys/types.h>

#include "process/shim_protocol.h"

namespace llama_swap::process::shim {

struct Program {
  char* const* argv = nullptr;         // ends with a null pointer; not empty
  char* const* environment = nullptr;  // ends with a null pointer
  const char* search_path = "";        // where argv[0] is looked for if it has no slash
  int output = -1;                     // becomes stdout and stderr
  bool dies_with_shim = false;         // SIGKILL when the shim dies
  int cgroup = -1;                     // directory of the control group it starts in; -1: ours
};

struct Spawned {
  pid_t pid = 0;  // 0: failed
  int error = 0;
  Step step = Step::fork;
};

// Returns when the program runs or has proved not to. It leads a process group of its own, reads
// the null device, has no other descriptors (all of ours close on exec), no blocked signals and no
// ignored ones.
Spawned spawn(const Program& program);

}  // namespace llama_swap::process::shim
