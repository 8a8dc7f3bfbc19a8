#include "process/shim_supervisor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace llama_swap::process::shim {
namespace {

constexpr std::size_t kReadAtOnce = 64 << 10;
// Exits of orphans are of use to the daemon only in small numbers.
constexpr std::size_t kMaxWaitingFrames = 64;
// How often to look for changes that no signal tells: without sub-reaping, and for safety once the
// leader has gone.
constexpr Milliseconds kLookEvery = 1000;

Milliseconds earlier(Milliseconds a, Milliseconds b) {
  return a < b ? a : b;
}

void* allocate(std::size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}

// The strings stay in the payload.
StringList read_list(Reader& reader) {
  StringList list;
  const std::uint32_t count = reader.u32();
  if (!reader.ok() || count > reader.left()) return list;
  list.items = static_cast<char**>(allocate((count + 1) * sizeof(char*)));
  for (; list.count < count; ++list.count) {
    const char* text = reader.string();
    if (text == nullptr) break;
    list.items[list.count] = const_cast<char*>(text);  // execve's type; nobody writes there
  }
  list.items[list.count] = nullptr;
  return list;
}

char* with_pid(const char* text, pid_t pid) {
  char digits[16];
  const auto width =
      static_cast<std::size_t>(std::snprintf(digits, sizeof digits, "%d", static_cast<int>(pid)));
  std::size_t marks = 0;
  for (const char* c = text; *c != '\0'; ++c) marks += *c == kPidMark;
  auto* out = static_cast<char*>(allocate(std::strlen(text) + marks * width + 1));
  char* at = out;
  for (; *text != '\0'; ++text) {
    if (*text == kPidMark) {
      std::memcpy(at, digits, width);
      at += width;
    } else {
      *at++ = *text;
    }
  }
  *at = '\0';
  return out;
}

// Only our end must not block; the other is the program's, which expects an ordinary pipe.
bool open_pipe(int ends[2]) {
  return ::pipe2(ends, O_CLOEXEC) == 0 && ::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

void close_and_forget(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

int wait_status(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
  return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
}

}  // namespace

Milliseconds now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<Milliseconds>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

void Supervisor::handle(Type type, const char* payload, std::size_t size) {
  Reader reader(payload, size);
  if (type == Type::launch && phase_ == Phase::idle) {
    launch(reader);
  } else if (type == Type::stop) {
    begin_stop(reader.u32());
  } else if (type == Type::sweep) {
    begin_sweep(reader.u32());
  }
}

void Supervisor::daemon_gone() {
  if (phase_ == Phase::idle) phase_ = Phase::done;
  begin_stop(orphan_grace_);
}

void Supervisor::launch(Reader& reader) {
  const std::uint32_t version = reader.u32();
  orphan_grace_ = reader.u32();
  group_only_ = (reader.u32() & kGroupOnly) != 0;
  argv_ = read_list(reader);
  stop_argv_ = read_list(reader);
  environment_ = read_list(reader);
  search_path_ = reader.string();
  phase_ = Phase::done;  // unless all of this succeeds
  if (version != kVersion || !reader.ok() || argv_.count == 0) {
    outbox_.add_numbers(Type::spawn_failed, EPROTO, Step::fork);
    return;
  }
  int ends[2];
  if (!open_pipe(ends)) {
    outbox_.add_numbers(Type::spawn_failed, errno, Step::pipe);
    return;
  }
  if (!group_only_) cgroup_.create(::getpid());
  Program program;
  program.argv = argv_.items;
  program.environment = environment_.items;
  program.search_path = search_path_;
  program.output = ends[1];
  program.dies_with_shim = true;
  program.cgroup = cgroup_.directory();
  const Spawned spawned = spawn(program);
  ::close(ends[1]);
  output_ = ends[0];
  if (spawned.pid == 0) {
    outbox_.add_numbers(Type::spawn_failed, spawned.error, spawned.step);
    return;
  }
  leader_ = spawned.pid;
  phase_ = Phase::running;
  // Who belongs must then be known before they are cut off from us.
  if (!subreaper_) look_again_at_ = now() + kLookEvery;
  outbox_.add_numbers(Type::started, leader_);
}

void Supervisor::begin_stop(Milliseconds grace) {
  if (phase_ == Phase::running) {
    phase_ = Phase::stopping;
    whole_tree_at_once_ = leader_dead_;
    first_signal();
  }
  shorten(grace);
}

void Supervisor::begin_sweep(Milliseconds grace) {
  if (phase_ == Phase::running) phase_ = Phase::stopping;
  shorten(grace);
}

void Supervisor::shorten(Milliseconds grace) {
  if (phase_ != Phase::stopping) return;
  kill_at_ = earlier(kill_at_, now() + grace);
  look_again_at_ = now();
}

void Supervisor::first_signal() {
  if (stop_argv_.count > 0) {
    // Its failure is reported and nothing else: grace and kill still follow, as if it had had no
    // effect.
    run_stop_command();
    return;
  }
  if (!leader_dead_) {
    if (!subreaper_) scan();  // while they can still be told
    group_signalled_ = ticks_since_boot();
    if (::kill(-leader_, SIGTERM) != 0) ::kill(leader_, SIGTERM);
    return;
  }
  scan();
  tree_.signal_new(SIGTERM);
}

void Supervisor::run_stop_command() {
  auto** argv = static_cast<char**>(allocate((stop_argv_.count + 1) * sizeof(char*)));
  for (std::uint32_t i = 0; i < stop_argv_.count; ++i)
    argv[i] = with_pid(stop_argv_.items[i], leader_);
  argv[stop_argv_.count] = nullptr;
  int ends[2];
  Spawned spawned;
  if (open_pipe(ends)) {
    Program program;
    program.argv = argv;
    program.environment = environment_.items;
    program.search_path = search_path_;
    program.output = ends[1];
    program.dies_with_shim = true;
    spawned = spawn(program);
    ::close(ends[1]);
    stop_output_ = ends[0];
  } else {
    spawned.error = errno;
  }
  for (std::uint32_t i = 0; i < stop_argv_.count; ++i) std::free(argv[i]);
  std::free(argv);
  stop_pid_ = spawned.pid;
  if (spawned.pid == 0) {
    outbox_.add_numbers(Type::stop_command, spawned.error, 0);
    close_and_forget(stop_output_);
  }
}

void Supervisor::advance() {
  drain_output(kReadAtOnce);
  drain_stop_output();
  if (phase_ == Phase::idle || phase_ == Phase::done) return;
  const bool changed = reap();
  if (phase_ == Phase::stopping) {
    if (changed || now() >= wake_at()) continue_stop();
  } else if (now() >= look_again_at_ || (leader_dead_ && changed)) {
    // The daemon knows that the command has ended and decides what that means for its descendants;
    // but if there are none, there is nothing to decide.
    scan();
    look_again_at_ = now() + kLookEvery;
    if (leader_dead_ && tree_.size() == 0) finish_if_gone();
  }
}

void Supervisor::continue_stop() {
  if (leader_dead_) {
    if (sweep_until_ == kNever && !whole_tree_at_once_)
      sweep_until_ = earlier(now() + kSweepGraceMs, kill_at_);
    scan();
    if (tree_.size() == 0 && stop_pid_ == 0) finish_if_gone();
    if (phase_ == Phase::done) return;
  }
  const Milliseconds t = now();
  if (t >= kill_at_ && stop_pid_ != 0 && !stop_killed_) {
    ::kill(-stop_pid_, SIGKILL);
    stop_killed_ = true;  // what it started counts as part of the tree from now on
  }
  if (t >= kill_at_ || t >= sweep_until_) {
    kill_tree(t);
  } else if (sweep_until_ != kNever) {
    tree_.signal_new(SIGTERM);
  }
  if (killed_at_ != kNever && t >= killed_at_ + kStuckAfterMs && !stuck_reported_) report_stuck();
  look_again_at_ = kNever;
  if (leader_dead_ || killed_at_ != kNever)
    look_again_at_ = t + (stuck_reported_ ? 500 : subreaper_ ? 100 : 20);
}

void Supervisor::kill_tree(Milliseconds t) {
  scan();
  if (killed_at_ == kNever) {
    killed_at_ = t;
    if (tree_.size() > 0) outbox_.add_numbers(Type::killed, tree_.size());
  }
  if (!leader_reaped_) ::kill(-leader_, SIGKILL);
  cgroup_.kill();
  tree_.signal_all(SIGKILL);
}

void Supervisor::report_stuck() {
  stuck_reported_ = true;
  std::uint32_t pids[64];
  std::size_t count = 0;
  for (const Member& member : tree_) {
    if (count < 64) pids[count++] = static_cast<std::uint32_t>(member.stat.pid);
  }
  outbox_.add(Type::stuck, pids, count * sizeof pids[0]);
}

// The scan has found nothing. That we have no children at all is the proof, but that can be asked
// only once the leader is reaped.
void Supervisor::finish_if_gone() {
  drain_output(kOutputLimit);
  if (!leader_reaped_) {
    if (!procfs_) ::kill(-leader_, SIGKILL);  // the group is all that can be reached then
    ::waitpid(leader_, nullptr, 0);
    leader_reaped_ = true;
  }
  reap();
  siginfo_t info{};
  const bool childless = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0;
  if (!childless && subreaper_ && procfs_ && !group_only_) return;
  close_and_forget(output_);
  outbox_.add_numbers(Type::tree_gone);
  phase_ = Phase::done;
}

bool Supervisor::reap() {
  bool changed = false;
  siginfo_t info{};
  if (!leader_dead_ &&
      ::waitid(P_PID, static_cast<id_t>(leader_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == leader_) {
    note_leader_exit(wait_status(info));
    changed = true;
  }
  return reap_others() || changed;
}

bool Supervisor::reap_others() {
  bool changed = false;
  siginfo_t info{};
  while (info = {},
         ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    // The leader stays what it is, and hides other zombies from this call.
    if (info.si_pid == leader_ && !leader_reaped_) return reap_behind_leader() || changed;
    changed |= reap_child(info.si_pid);
  }
  return changed;
}

bool Supervisor::reap_behind_leader() {
  if (no_children_but(leader_, 0)) return false;
  bool changed = false;
  const pid_t self = ::getpid();
  each_process([&](const ProcStat& stat) {
    if (stat.parent == self && stat.dead() && stat.pid != leader_) changed |= reap_child(stat.pid);
  });
  return changed;
}

bool Supervisor::reap_child(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, WNOHANG) != pid) return false;
  if (pid == stop_pid_) {
    end_stop_command(status);
  } else if (leader_dead_ && outbox_.frames() < kMaxWaitingFrames) {
    outbox_.add_numbers(Type::child_exited, pid);
  }
  return true;
}

void Supervisor::note_leader_exit(int status) {
  leader_dead_ = true;
  drain_output(kOutputLimit);
  scan();
  outbox_.add_numbers(Type::leader_exited, status, tree_.size());
}

void Supervisor::end_stop_command(int status) {
  drain_stop_output();
  const std::uint32_t head[] = {0, static_cast<std::uint32_t>(status)};
  char payload[sizeof head + kStopOutputLimit];
  std::memcpy(payload, head, sizeof head);
  std::memcpy(payload + sizeof head, stop_text_, stop_text_size_);
  outbox_.add(Type::stop_command, payload, sizeof head + stop_text_size_);
  close_and_forget(stop_output_);
  stop_pid_ = 0;
}

void Supervisor::drain_output(std::size_t limit) {
  char buffer[16 << 10];
  for (std::size_t total = 0; output_ >= 0 && total < limit;) {
    const ssize_t got = ::read(output_, buffer, sizeof buffer);
    if (got > 0) {
      outbox_.add_output(buffer, static_cast<std::size_t>(got));
      total += static_cast<std::size_t>(got);
    } else if (got == 0) {
      close_and_forget(output_);
    } else if (errno != EINTR) {
      return;
    }
  }
}

void Supervisor::drain_stop_output() {
  char buffer[kStopOutputLimit];
  for (int reads = 0; stop_output_ >= 0 && reads < 16; ++reads) {
    const ssize_t got = ::read(stop_output_, buffer, sizeof buffer);
    if (got < 0) return;
    if (got == 0) {
      close_and_forget(stop_output_);
      return;
    }
    const auto size = static_cast<std::size_t>(got);
    const std::size_t kept =
        size + stop_text_size_ > kStopOutputLimit ? kStopOutputLimit - size : stop_text_size_;
    std::memmove(stop_text_, stop_text_ + stop_text_size_ - kept, kept);
    std::memcpy(stop_text_ + kept, buffer, size);
    stop_text_size_ = kept + size;
  }
}

void Supervisor::scan() {
  Tree::Scope scope;
  scope.leader = leader_reaped_ ? -1 : leader_;
  scope.leader_dead = leader_dead_;
  scope.apart = stop_killed_ ? 0 : stop_pid_;
  scope.group_only = group_only_;
  scope.subreaper = subreaper_;
  scope.group_signalled = group_signalled_;
  // A process that forks and ends between the listing of /proc and the reading of its entry hides
  // its child. It is our zombie then, so an empty scan counts only if there was nothing to reap
  // after it.
  do {
    procfs_ = tree_.scan(scope);
  } while (leader_dead_ && tree_.size() == 0 && reap_others());
}

bool Supervisor::clean_up() {
  return cgroup_.remove();
}

Milliseconds Supervisor::wake_at() const {
  if (phase_ == Phase::running) return look_again_at_;
  if (phase_ != Phase::stopping) return kNever;
  Milliseconds at = look_again_at_;
  if (killed_at_ == kNever) at = earlier(at, sweep_until_);
  if (killed_at_ == kNever || (stop_pid_ != 0 && !stop_killed_)) at = earlier(at, kill_at_);
  if (killed_at_ != kNever && !stuck_reported_) at = earlier(at, killed_at_ + kStuckAfterMs);
  return at;
}

}  // namespace llama_swap::process::shim
