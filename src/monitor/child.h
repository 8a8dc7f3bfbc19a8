// Vendors' tools as child processes: we read what they say, and end them.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "monitor/stop_signal.h"
#include "util/result.h"

namespace llama_swap::monitor {

using Argv = std::vector<std::string>;

// Whether PATH leads to an executable file of that name.
bool in_path(std::string_view program);

// A process in a group of its own, its standard output a pipe to us, without input and without a
// place for its complaints.
class Child {
 public:
  // Looks for argv[0] in PATH. Errors: io.
  static util::Result<Child> start(const Argv& argv);
  // Kills the group, and waits a moment for the end. What the kernel holds on to longer is left to
  // whoever reaps the children of this process.
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;

  int output() const { return output_; }
  // Waits for the exit, after the end of its output: "exit status 1", "signal 9"; "" for exit 0 and
  // where it cannot be told.
  std::string exit_text();

 private:
  Child(pid_t pid, int output) : pid_(pid), output_(output) {}
  bool reap(util::Time deadline);

  pid_t pid_;  // 0: moved from, or reaped
  int output_;
  int status_ = 0;  // once reaped
};

// All that a tool writes. Errors: io, too_large, timed_out, cancelled; refused: it exited with
// another status than 0.
util::Result<std::string> output_of(const Argv& argv, const StopSignal& stop, util::Time deadline);

}  // namespace llama_swap::monitor
