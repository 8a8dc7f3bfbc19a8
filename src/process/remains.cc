#include "process/remains.h"

#include <unistd.h>

#include <set>

namespace llama_swap::process {

std::vector<ProcStat> remains(const DeadShim& shim, const std::vector<ProcStat>& processes,
                              pid_t daemon, pid_t daemon_session,
                              const std::function<bool(pid_t)>& owned) {
  const auto is_root = [&](const ProcStat& process) {
    if (process.pid == daemon || process.start < shim.start) return false;
    if (process.session == shim.pid || (shim.leader != 0 && process.group == shim.leader))
      return true;
    // What the daemon starts for itself stays in its session; what came from a shim has left it for
    // good.
    return process.parent == daemon && process.session != daemon_session && !owned(process.pid);
  };
  std::set<pid_t> found;
  for (bool grown = true; grown;) {
    grown = false;
    for (const ProcStat& process : processes) {
      if (found.contains(process.parent) || is_root(process))
        grown |= found.insert(process.pid).second;
    }
  }
  std::vector<ProcStat> live;
  for (const ProcStat& process : processes) {
    if (found.contains(process.pid) && !process.dead()) live.push_back(process);
  }
  return live;
}

std::vector<ProcStat> remains(const DeadShim& shim, const std::function<bool(pid_t)>& owned) {
  std::vector<ProcStat> processes;
  each_process([&](const ProcStat& stat) { processes.push_back(stat); });
  return remains(shim, processes, ::getpid(), ::getsid(0), owned);
}

}  // namespace llama_swap::process
