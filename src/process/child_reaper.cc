#include "process/child_reaper.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "process/proc_fs.h"

namespace llama_swap::process {
namespace {

// A dead child that is not ours here may be somebody else's, in this program, who is about to wait
// for it by itself. It is a stranger if nobody has after this time.
constexpr util::seconds kStrangerAfter{5};

}  // namespace

ChildReaper::ChildReaper(net::Loop& loop) : signals_(loop, SIGCHLD), timer_(loop) {
  subreaper_ = ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
  // The signal must not disturb system calls of other threads.
  struct sigaction action {};
  if (::sigaction(SIGCHLD, nullptr, &action) == 0) {
    action.sa_flags |= SA_RESTART;
    ::sigaction(SIGCHLD, &action, nullptr);
  }
  wait_for_signal();
}

void ChildReaper::own(pid_t pid, Ended ended) {
  owned_[pid] = std::move(ended);
}

void ChildReaper::wait_for_signal() {
  signals_.async_wait([this](boost::system::error_code error, int) {
    if (error) return;
    wait_for_signal();
    reap_owned();
    watch_for_strangers();
  });
}

void ChildReaper::reap_owned() {
  std::map<pid_t, int> ended;
  for (const auto& [pid, callback] : owned_) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) != 0) ended.emplace(pid, status);
  }
  // The callbacks may own further children.
  for (const auto& [pid, status] : ended) {
    const Ended callback = std::move(owned_.extract(pid).mapped());
    callback(status);
  }
}

void ChildReaper::watch_for_strangers() {
  siginfo_t info{};
  const bool somebody_dead =
      ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
  if (!somebody_dead || timer_runs_) return;
  seen_dead_ = dead_strangers();
  reap_later();
}

void ChildReaper::reap_later() {
  timer_runs_ = true;
  timer_.expires_after(kStrangerAfter);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    timer_runs_ = false;
    std::set<pid_t> later;
    for (const pid_t pid : dead_strangers()) {
      if (seen_dead_.contains(pid)) {
        ::waitpid(pid, nullptr, WNOHANG);
      } else {
        later.insert(pid);
      }
    }
    seen_dead_ = std::move(later);
    if (!seen_dead_.empty()) reap_later();
  });
}

std::set<pid_t> ChildReaper::dead_strangers() const {
  std::set<pid_t> dead;
  const pid_t self = ::getpid();
  each_process([&](const ProcStat& stat) {
    if (stat.parent == self && stat.dead() && !owns(stat.pid)) dead.insert(stat.pid);
  });
  return dead;
}

}  // namespace llama_swap::process
