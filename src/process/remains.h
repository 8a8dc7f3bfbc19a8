// Linux: what a shim that was killed has left behind. Its descendants were handed to the daemon,
// its sub-reaper.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "process/proc_fs.h"

namespace llama_swap::process {

struct DeadShim {
  pid_t pid = 0;            // of the shim; also the session of what it started
  pid_t leader = 0;         // of the command; also its process group
  std::uint64_t start = 0;  // of the shim (ProcStat::start)
};

// Live processes that come from a dead shim: members of its session and group, children the daemon
// got since the shim began, and their descendants. `owned` tells the daemon's children that are not
// meant. (As process 1 of a container the daemon may also get what somebody else started there and
// abandoned. It cannot be told apart, and goes too.)
std::vector<ProcStat> remains(const DeadShim& shim, const std::vector<ProcStat>& processes,
                              pid_t daemon, pid_t daemon_session,
                              const std::function<bool(pid_t)>& owned);

// The same of the running system.
std::vector<ProcStat> remains(const DeadShim& shim, const std::function<bool(pid_t)>& owned);

}  // namespace llama_swap::process
