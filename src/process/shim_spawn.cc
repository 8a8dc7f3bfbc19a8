#include "process/shim_spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

namespace llama_swap::process::shim {
namespace {

constexpr long kClone3 = 435;  // Linux 5.3
constexpr std::uint64_t kIntoCgroup = 0x200000000;

struct CloneArgs {  // struct clone_args of the kernel, second version
  std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
      set_tid_size, cgroup;
};

// What the child tells its parent, in a shared page.
struct Report {
  int error;
  Step step;
};

// A copy of this process that runs while the parent waits for it to exec or exit. The memory is
// copied on write, not shared: the shim is small, and a shared stack is a trap.
pid_t fork_and_wait_for_exec(int cgroup) {
  if (cgroup >= 0) {
    CloneArgs args{};
    args.flags = CLONE_VFORK | kIntoCgroup;
    args.exit_signal = SIGCHLD;
    args.cgroup = static_cast<std::uint64_t>(cgroup);
    const long pid = ::syscall(kClone3, &args, sizeof args);
    if (pid >= 0) return static_cast<pid_t>(pid);
  }
#if defined(__s390x__)  // takes its first two arguments the other way round
  return static_cast<pid_t>(
      ::syscall(SYS_clone, nullptr, CLONE_VFORK | SIGCHLD, nullptr, nullptr, nullptr));
#else
  return static_cast<pid_t>(
      ::syscall(SYS_clone, CLONE_VFORK | SIGCHLD, nullptr, nullptr, nullptr, nullptr));
#endif
}

// Tries the directories of the path in turn. Returns only if nothing could be run.
int exec_from_path(const Program& program) {
  const char* name = program.argv[0];
  const std::size_t name_size = std::strlen(name);
  int error = ENOENT;
  for (const char* at = program.search_path; *at != '\0';) {
    const char* colon = ::strchrnul(at, ':');
    const auto size = static_cast<std::size_t>(colon - at);
    char path[PATH_MAX];
    if (size > 0 && size + 1 + name_size < sizeof path) {
      std::memcpy(path, at, size);
      path[size] = '/';
      std::memcpy(path + size + 1, name, name_size + 1);
      ::execve(path, program.argv, program.environment);
      // Not there, or not ours to run: the next directory may have it. Anything else is about the
      // program itself.
      if (errno != ENOENT && errno != ENOTDIR && errno != EACCES && errno != ELOOP) return errno;
    }
    at = *colon == '\0' ? colon : colon + 1;
  }
  return error;
}

[[noreturn]] void child(const Program& program, pid_t shim, Report* report) {
  ::setpgid(0, 0);
  if (program.dies_with_shim) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != shim) ::_exit(127);  // it died before the line above
  }
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  report->step = Step::pipe;
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0 || ::dup2(program.output, STDOUT_FILENO) < 0 ||
      ::dup2(program.output, STDERR_FILENO) < 0) {
    report->error = errno;
    ::_exit(127);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (std::strchr(program.argv[0], '/') != nullptr) {
    report->step = Step::exec;
    ::execve(program.argv[0], program.argv, program.environment);
    report->error = errno;
  } else {
    report->step = Step::lookup;
    report->error = exec_from_path(program);
    if (report->error != ENOENT) report->step = Step::exec;
  }
  ::_exit(127);
}

}  // namespace

Spawned spawn(const Program& program) {
  void* page =
      ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return {0, errno, Step::fork};
  auto* report = static_cast<Report*>(page);
  *report = Report{0, Step::fork};
  const pid_t shim = ::getpid();
  const pid_t pid = fork_and_wait_for_exec(program.cgroup);
  if (pid == 0) child(program, shim, report);
  Spawned result{pid, report->error, report->step};
  if (pid < 0) {
    result = {0, errno, Step::fork};
  } else if (report->error != 0) {
    ::waitpid(pid, nullptr, 0);
    result.pid = 0;
  }
  ::munmap(page, sizeof(Report));
  return result;
}

}  // namespace llama_swap::process::shim
