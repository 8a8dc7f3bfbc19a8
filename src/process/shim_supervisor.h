// The shim itself, without its event loop: one model from launch to the last of its processes.
//
//   launch -> running -> (stop | sweep | daemon gone) -> stopping -> done
//
// Stopping: first signal (the stop command, or SIGTERM to the process group), grace, SIGKILL to
// all. When the leader goes before the grace is over, what is left of the tree is swept: SIGTERM to
// those that never had it, SIGKILL after kSweepGraceMs or the rest of the grace. If the leader had
// gone before (a command that makes itself a daemon), its descendants are what is being stopped,
// and the first signal and the whole grace are theirs. Done: nothing of the tree is left and no
// stop command runs. The leader stays a zombie until then, so that its id cannot name another
// process while the stop command or a signal may still use it.
//
// Nothing here blocks, but for the moment between the fork and the exec of a program.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "process/shim_cgroup.h"
#include "process/shim_outbox.h"
#include "process/shim_spawn.h"
#include "process/shim_tree.h"

namespace llama_swap::process::shim {

using Milliseconds = std::int64_t;
inline constexpr Milliseconds kNever = INT64_MAX;
Milliseconds now();  // monotonic

// A growing list of pointers to strings, ended by a null pointer.
struct StringList {
  char** items = nullptr;
  std::uint32_t count = 0;
};

class Supervisor {
 public:
  explicit Supervisor(Outbox& outbox, bool subreaper) : outbox_(outbox), subreaper_(subreaper) {}

  // A frame from the daemon. The payload must stay valid for the life of the process if the type is
  // launch.
  void handle(Type type, const char* payload, std::size_t size);
  void daemon_gone();
  // Something may have changed: a child ended, a pipe has data, or the time given by wake_at() has
  // come.
  void advance();

  bool done() const { return phase_ == Phase::done; }
  // After done. False: again in a moment.
  bool clean_up();
  Milliseconds wake_at() const;
  int output() const { return output_; }            // to be watched; -1: closed
  int stop_output() const { return stop_output_; }  // likewise

 private:
  enum class Phase { idle, running, stopping, done };

  void launch(Reader& reader);
  void begin_stop(Milliseconds grace);
  void begin_sweep(Milliseconds grace);
  void shorten(Milliseconds grace);  // what is left of the grace
  void first_signal();
  void run_stop_command();
  void continue_stop();
  void kill_tree(Milliseconds t);
  void report_stuck();
  void finish_if_gone();

  // These say whether anything was reaped.
  bool reap();
  bool reap_others();
  bool reap_behind_leader();
  bool reap_child(pid_t pid);
  void note_leader_exit(int status);
  void end_stop_command(int status);
  // At most about `limit` bytes, so that a flood cannot hold up the rest.
  void drain_output(std::size_t limit);
  void drain_stop_output();
  void scan();

  Outbox& outbox_;
  const bool subreaper_;
  bool procfs_ = true;  // the last scan could read /proc
  Cgroup cgroup_;
  Tree tree_;
  Phase phase_ = Phase::idle;

  // The recipe. Constant after launch.
  StringList argv_, stop_argv_, environment_;
  const char* search_path_ = "";
  Milliseconds orphan_grace_ = 1000;
  bool group_only_ = false;

  pid_t leader_ = 0;
  bool leader_dead_ = false;
  bool leader_reaped_ = false;
  int output_ = -1;

  Milliseconds look_again_at_ = kNever;

  // Of a stop.
  bool whole_tree_at_once_ = false;  // the leader was gone when the stop began
  Milliseconds kill_at_ = kNever;
  Milliseconds sweep_until_ = kNever;  // set once the sweep has begun
  Milliseconds killed_at_ = kNever;
  bool stuck_reported_ = false;
  std::uint64_t group_signalled_ = 0;  // when, in clock ticks since boot

  pid_t stop_pid_ = 0;  // 0: no stop command runs
  bool stop_killed_ = false;
  int stop_output_ = -1;
  char stop_text_[kStopOutputLimit] = {};  // the end of what the stop command wrote
  std::size_t stop_text_size_ = 0;
};

}  // namespace llama_swap::process::shim
