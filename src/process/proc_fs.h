// Linux: what /proc says about processes. Used by the daemon and by the shim, which has no C++
// library: nothing here allocates through it or throws. Answers are a snapshot; a process may be
// gone, and its id in other hands, by the time they are read, which is what `start` is for.
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace llama_swap::process {

struct ProcStat {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  char state = '?';
  long threads = 1;
  std::uint64_t start = 0;  // clock ticks since boot; with the pid it names a process for ever

  // Dead and not yet reaped. A process whose first thread has ended looks like a zombie while
  // others run.
  bool dead() const { return (state == 'Z' && threads <= 1) || state == 'X'; }
};

// The text of /proc/PID/stat. The name in it may hold blanks and parentheses.
bool parse_stat(const char* text, std::size_t size, ProcStat& out);
bool read_stat(pid_t pid, ProcStat& out);

// The pid a directory entry of /proc stands for; 0: none.
pid_t pid_of_entry(const char* name);

// Calls visit(const ProcStat&) for every process that can be seen. False: /proc cannot be read.
template <class Visit>
bool each_process(Visit&& visit) {
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return false;
  bool any = false;
  while (const dirent* entry = ::readdir(proc)) {
    const pid_t pid = pid_of_entry(entry->d_name);
    ProcStat stat;
    if (pid == 0 || !read_stat(pid, stat)) continue;
    any = true;
    visit(stat);
  }
  ::closedir(proc);
  return any;
}

// Sends a signal to the process that was seen as `seen`, and to no other that got its id since.
void signal_process(const ProcStat& seen, int signal_number);

}  // namespace llama_swap::process
