#include "monitor/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <thread>
#include <utility>

#include "monitor/line_reader.h"
#include "util/text.h"

namespace llama_swap::monitor {
namespace {

constexpr std::chrono::milliseconds kReapPause{5};
constexpr std::chrono::seconds kReapPatience{1};

// The actions and attributes of one posix_spawn.
struct Spawn {
  Spawn() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~Spawn() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

bool in_path(std::string_view program) {
  const char* path = std::getenv("PATH");
  if (path == nullptr) return false;
  for (const std::string_view folder : util::split(path, ':')) {
    const std::string file =
        std::string(folder.empty() ? "." : folder) + "/" + std::string(program);
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        ::access(file.c_str(), X_OK) == 0)
      return true;
  }
  return false;
}

util::Result<Child> Child::start(const Argv& argv) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return util::fail_errno(errno, "pipe");
  Spawn spawn;
  posix_spawn_file_actions_addopen(&spawn.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&spawn.actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&spawn.actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&spawn.actions, STDERR_FILENO + 1);
  // A tool that goes on after our death shall end with its next line.
  sigset_t defaults, none;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGXFSZ);
  posix_spawnattr_setsigdefault(&spawn.attributes, &defaults);
  posix_spawnattr_setsigmask(&spawn.attributes, &none);
  posix_spawnattr_setpgroup(&spawn.attributes, 0);
  posix_spawnattr_setflags(&spawn.attributes,
                           POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = ::posix_spawnp(&pid, argv[0].c_str(), &spawn.actions, &spawn.attributes,
                                   arguments.data(), environ);
  ::close(ends[1]);
  if (error != 0) {
    ::close(ends[0]);
    return util::fail_errno(error, argv[0]);
  }
  return Child(pid, ends[0]);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      output_(std::exchange(other.output_, -1)),
      status_(other.status_) {}

Child::~Child() {
  if (pid_ != 0) {
    ::kill(-pid_, SIGKILL);
    reap(util::Clock::now() + kReapPatience);
  }
  if (output_ >= 0) ::close(output_);
}

bool Child::reap(util::Time deadline) {
  for (;;) {
    const pid_t reaped = ::waitpid(pid_, &status_, WNOHANG);
    // Somebody else may have been faster: this process collects strangers, too.
    if (reaped > 0 || (reaped < 0 && errno == ECHILD)) {
      pid_ = 0;
      return reaped > 0;
    }
    if (util::Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kReapPause);
  }
}

std::string Child::exit_text() {
  if (pid_ == 0 || !reap(util::Clock::now() + kReapPatience)) return "";
  if (WIFSIGNALED(status_)) return "signal " + std::to_string(WTERMSIG(status_));
  return WEXITSTATUS(status_) == 0 ? "" : "exit status " + std::to_string(WEXITSTATUS(status_));
}

util::Result<std::string> output_of(const Argv& argv, const StopSignal& stop, util::Time deadline) {
  auto child = Child::start(argv);
  if (!child) return tl::unexpected(child.error());
  LineReader reader(stop, child->output());
  auto output = reader.rest(deadline);
  if (!output) return tl::unexpected(output.error().in(argv[0]));
  if (const std::string exit = child->exit_text(); !exit.empty())
    return util::fail(util::Errc::refused, argv[0] + ": " + exit);
  return output;
}

}  // namespace llama_swap::monitor
