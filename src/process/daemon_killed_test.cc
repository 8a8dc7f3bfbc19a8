// kill -9 of the daemon, at any moment of the life of a model: the stop command runs, and nothing
// is left.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "process/launch_fixture.h"
#include "process/listener.h"
#include "process/proc_fs.h"

namespace llama_swap::process {
namespace {

// A daemon with one model, in a process of its own. It says each event on a pipe.
class TestDaemon {
 public:
  TestDaemon(LaunchSpec what, bool stop_when_ready) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) run(std::move(what), stop_when_ready, ends[1]);
    ::close(ends[1]);
    said_ = ends[0];
  }
  ~TestDaemon() {
    kill();
    ::close(said_);
  }
  // Waits for an event; false: the daemon ended before.
  bool said(const std::string& event) {
    char byte;
    while (text_.find(event) == std::string::npos && ::read(said_, &byte, 1) == 1) text_ += byte;
    return text_.find(event) != std::string::npos;
  }
  void kill() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

 private:
  [[noreturn]] static void run(LaunchSpec what, bool stop_when_ready, int out) {
    net::Loop loop{1};
    ChildReaper reaper(loop);
    LocalLauncher launcher(loop, reaper, [](config::LogLevel, const std::string&) {});
    Recorder events;
    std::unique_ptr<Instance> instance;
    events.also = [&](const std::string& event) {
      if (event == "ready" && stop_when_ready) instance->stop(seconds(60));
      const std::string line = event + "\n";
      if (::write(out, line.data(), line.size()) < 0) ::_exit(1);
    };
    instance = launcher.launch(std::move(what), events);
    loop.run();
    ::_exit(0);
  }

  pid_t pid_ = 0;
  int said_ = -1;
  std::string text_;
};

// Found again in the process list.
const std::string kModel = "test-" + std::to_string(::getpid());

class DaemonKilledTest : public testing::Test {
 protected:
  ~DaemonKilledTest() override { kill_left_overs(pid_file_); }

  LaunchSpec spec(const std::string& flags) const {
    LaunchSpec what;
    what.model = kModel;
    what.cmd = test_model() + "--pids " + pid_file_ + " " + flags;
    what.cmd_stop = "sh -c 'echo $0 > " + stopped_ + "' ${PID}";
    what.proxy = "http://127.0.0.1:" + std::to_string(port_);
    what.check_endpoint = "/";
    return what;
  }
  std::string port_flag() const { return " --port " + std::to_string(port_); }
  void expect_nothing_left() const {
    const milliseconds limit = LaunchSpec().orphan_grace + seconds(1);
    EXPECT_TRUE(eventually(
        [&] {
          const auto pids = pids_in(pid_file_);
          return std::none_of(pids.begin(), pids.end(), lives);
        },
        limit));
  }

  const Scratch scratch_;
  const std::string pid_file_ = scratch_ / "pids";
  const std::string stopped_ = scratch_ / "stopped";
  const int port_ = free_port();
};

// How many of ours there are.
int shims() {
  int count = 0;
  each_process([&](const ProcStat& stat) {
    count += !stat.dead() && command_line(stat.pid).starts_with("llama-swap-shim " + kModel);
  });
  return count;
}

// Everything that can make a process hard to find, and deaf.
constexpr const char* kHardToFind = "--ignore-term --helper plain --helper group --helper deaf";

TEST_F(DaemonKilledTest, DuringTheStart) {
  TestDaemon daemon(spec(kHardToFind), false);
  ASSERT_TRUE(eventually([&] { return pids_in(pid_file_).size() == 4; }));
  daemon.kill();
  expect_nothing_left();
  EXPECT_EQ(contents(stopped_), std::to_string(pids_in(pid_file_).front()) + "\n");
}

TEST_F(DaemonKilledTest, WhenReady) {
  TestDaemon daemon(spec(kHardToFind + port_flag()), false);
  ASSERT_TRUE(daemon.said("ready"));
  daemon.kill();
  expect_nothing_left();
  EXPECT_EQ(contents(stopped_), std::to_string(pids_in(pid_file_).front()) + "\n");
}

TEST_F(DaemonKilledTest, WhenReadyAndTheModelIsADaemonItself) {
  TestDaemon daemon(spec(kHardToFind + std::string(" --daemonise") + port_flag()), false);
  ASSERT_TRUE(daemon.said("ready"));
  daemon.kill();
  expect_nothing_left();
}

TEST_F(DaemonKilledTest, WhileStopping) {
  TestDaemon daemon(spec(kHardToFind + port_flag()), true);
  ASSERT_TRUE(daemon.said("ready"));
  ASSERT_TRUE(eventually([&] { return !contents(stopped_).empty(); }));
  daemon.kill();
  expect_nothing_left();
}

TEST_F(DaemonKilledTest, WhenReadyWithoutStopCommand) {
  LaunchSpec what = spec("--helper session" + port_flag());
  what.cmd_stop.clear();
  TestDaemon daemon(what, false);
  ASSERT_TRUE(daemon.said("ready"));
  daemon.kill();
  expect_nothing_left();
}

TEST_F(DaemonKilledTest, AtAnyMoment) {
  for (int i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    {
      TestDaemon daemon(spec(kHardToFind + port_flag()), false);
      ::usleep(static_cast<useconds_t>(i * 500));
    }
    // When its shim has gone, nothing can appear in the file any more.
    EXPECT_TRUE(eventually([] { return shims() == 0; }));
    expect_nothing_left();
    std::filesystem::remove(pid_file_);
  }
}

}  // namespace
}  // namespace llama_swap::process
