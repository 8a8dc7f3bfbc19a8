// Starts: what the command gets, when it counts as ready, and how a start can fail.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "process/launch_fixture.h"
#include "util/text.h"

namespace llama_swap::process {
namespace {

class StartTest : public LaunchTest {
 protected:
  std::string server() const {
    return test_model() + "--pids " + pid_file_ + " --port " + std::to_string(port_);
  }
  int listen_here() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd, 16), 0);
    return fd;
  }
};

TEST_F(StartTest, StartsAndStops) {
  launch(spec(server()));
  EXPECT_EQ(instance_->pid(), 0);
  until_event("ready");
  EXPECT_EQ(instance_->pid(), pids_in(pid_file_).front());
  EXPECT_TRUE(logged("<m> Executing start command: " + util::join({TEST_MODEL, "--pids"}, " ")));
  EXPECT_TRUE(
      logged("<m> Health check passed on http://127.0.0.1:" + std::to_string(port_) + "/health"));
  instance_->stop(seconds(10));
  EXPECT_FALSE(events_.has("gone"));
  until_event("gone");
  EXPECT_EQ(events_.text(), "ready, gone");
  EXPECT_EQ(instance_->pid(), 0);
  EXPECT_TRUE(all_gone());
}

TEST_F(StartTest, GivesTheCommandItsSurroundings) {
  LaunchSpec what = spec(
      "sh -c 'readlink /proc/$$/fd/0; ls /proc/$$/fd; echo $X $Y; pwd; cut -d\" \" -f5 "
      "/proc/$$/stat; echo $$; "
      "grep -E \"^Sig(Blk|Ign)\" /proc/self/status; echo err >&2; exec" +
      server() + "'");
  what.env = {"X=1", "X=2", "Y=z"};
  const int leaked = ::dup(1);  // not closed on exec
  launch(what);
  until_event("ready");
  ::close(leaked);
  std::vector<std::string> lines;
  for (const auto line : util::split(events_.output, '\n')) lines.emplace_back(line);
  ASSERT_GE(lines.size(), 11u) << events_.output;
  EXPECT_EQ(lines[0], "/dev/null");
  EXPECT_EQ(lines[1] + lines[2] + lines[3], "012");
  EXPECT_EQ(lines[4], "2 z");
  EXPECT_EQ(lines[5], std::filesystem::current_path());
  EXPECT_EQ(lines[6], lines[7]) << "leads its process group";
  EXPECT_EQ(lines[8], "SigBlk:\t0000000000000000");
  EXPECT_EQ(lines[9], "SigIgn:\t0000000000000000");
  EXPECT_EQ(lines[10], "err") << "stderr and stdout are one pipe";
}

TEST_F(StartTest, AsksTheHealthEndpointBelowTheProxyPath) {
  LaunchSpec what = spec(server());
  what.proxy += "/base";
  what.check_endpoint = "/custom?x=1";
  launch(what);
  until_event("ready");
  until([&] { return events_.output.find("GET /base/custom?x=1 HTTP/1.1") != std::string::npos; });
}

TEST_F(StartTest, NoHealthCheckMeansReadyOnceLaunched) {
  LaunchSpec what = spec(test_model() + "--pids " + pid_file_);
  what.check_endpoint = "none";
  launch(what);
  until_event("ready");
  instance_->stop(seconds(10));
  until_event("gone");
  EXPECT_EQ(events_.text(), "ready, gone");
}

TEST_F(StartTest, FailsWithAReason) {
  struct Case {
    const char* name;
    std::string cmd, proxy, want;
  };
  const std::string proxy = spec("").proxy;
  const Case cases[] = {
      {"empty", "", proxy, "unable to get sanitized command: empty command"},
      {"only a comment", "# x", proxy, "unable to get sanitized command: empty command"},
      {"no proxy", "true", "", "upstream proxy missing"},
      {"bad proxy", "true", "nonsense", "invalid proxy URL \"nonsense\": "},
      {"missing program", "no-such-program --x", proxy,
       "failed to start command 'no-such-program --x': exec: \"no-such-program\": executable file "
       "not found in $PATH"},
      {"missing file", "/no/such/file y", proxy,
       "failed to start command '/no/such/file y': fork/exec /no/such/file: no such file or "
       "directory"},
      {"not executable", "/dev/null", proxy,
       "failed to start command '/dev/null': fork/exec /dev/null: permission denied"},
      {"NUL", std::string("true a\0b", 8), proxy, "failed to start command 'true a"},
      {"exits with 0", "true", proxy, "upstream command exited prematurely"},
      {"exits with 1", "false", proxy, "upstream command exited prematurely"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    events_.seen.clear();
    LaunchSpec what = spec(c.cmd);
    what.proxy = c.proxy;
    launch(what);
    EXPECT_TRUE(events_.seen.empty()) << "an event from inside the call";
    until_event("gone");
    ASSERT_EQ(events_.seen.size(), 2u) << events_.text();
    EXPECT_TRUE(events_.seen[0].starts_with("failed: " + c.want)) << events_.seen[0];
  }
}

TEST_F(StartTest, ExitDuringStartIsSeenAtOnceThoughAHelperHoldsThePipe) {
  launch(spec(test_model() + "--pids " + pid_file_ + " --helper session --exit 3"));
  until_event("gone");
  EXPECT_EQ(events_.text(), "failed: upstream command exited prematurely, gone");
  EXPECT_TRUE(all_gone());
}

TEST_F(StartTest, SilentHealthEndpointMeetsTheDeadline) {
  LaunchSpec what =
      spec(test_model() + "--pids " + pid_file_ + " --mute --port " + std::to_string(port_));
  what.health_check_timeout = seconds(1);
  const auto begin = util::Clock::now();
  launch(what);
  until_event("failed");
  EXPECT_GE(util::Clock::now() - begin, seconds(1));
  EXPECT_LT(util::Clock::now() - begin, seconds(3));
  until_event("gone");
  EXPECT_EQ(events_.text(), "failed: health check timed out after 1s, gone");
  EXPECT_TRUE(all_gone());
}

TEST_F(StartTest, OnlyStatus200IsReady) {
  for (const char* status : {"503", "301", "204"}) {
    SCOPED_TRACE(status);
    events_.seen.clear();
    events_.output.clear();
    LaunchSpec what = spec(test_model() + "--pids " + pid_file_ + " --status " + status +
                           " --port " + std::to_string(port_));
    what.health_check_timeout = seconds(1);
    launch(what);
    until_event("gone");
    EXPECT_EQ(events_.text(), "failed: health check timed out after 1s, gone");
    EXPECT_EQ(events_.output.find("/elsewhere"), std::string::npos) << "a redirect was followed";
    EXPECT_NE(events_.output.find("GET /health"), std::string::npos);
  }
}

TEST_F(StartTest, AbortedByAStop) {
  launch(spec(test_model() + "--pids " + pid_file_));
  until([&] { return !pids_in(pid_file_).empty(); });
  instance_->stop(seconds(10));
  EXPECT_TRUE(events_.seen.empty()) << "an event from inside the call";
  until_event("gone");
  EXPECT_EQ(events_.text(), "failed: aborted, gone");
  EXPECT_TRUE(all_gone());
}

TEST_F(StartTest, AbortedBeforeItBegan) {
  launch(spec(test_model() + "--pids " + pid_file_));
  instance_->stop(seconds(10));
  until_event("gone");
  EXPECT_EQ(events_.text(), "failed: aborted, gone");
  EXPECT_TRUE(pids_in(pid_file_).empty());
}

TEST_F(StartTest, PortInUseNamesTheHolder) {
  const int mine = listen_here();
  LaunchSpec what = spec(server());
  what.owns_port = true;
  launch(what);
  until_event("gone");
  ::close(mine);
  const std::string want = "failed: port " + std::to_string(port_) +
                           " is already in use by process " + std::to_string(::getpid());
  EXPECT_TRUE(events_.text().starts_with(want)) << events_.text();
  EXPECT_TRUE(pids_in(pid_file_).empty()) << "it was started all the same";
}

TEST_F(StartTest, AnotherModelsServerIsTurnedDown) {
  launch(spec(test_model() + "--pids " + pid_file_));
  until([&] { return !pids_in(pid_file_).empty(); });
  Recorder other_events;
  LaunchSpec other = spec(server());
  other.model = "other";
  other.check_endpoint = "none";
  const auto other_instance = launcher_.launch(other, other_events);
  until_event("gone");
  EXPECT_TRUE(events_.has("failed: port " + std::to_string(port_) +
                          " is in use by the server of model other: process"))
      << events_.text();
  other_instance->stop(seconds(10));
  until([&] { return other_events.has("gone"); });
}

TEST_F(StartTest, ServerThatCannotBePlacedIsAccepted) {
  launch(spec(test_model() + "--pids " + pid_file_));
  until([&] { return !pids_in(pid_file_).empty(); });
  // This process answers in place of the command, as a container's port forwarder does.
  const int mine = listen_here();
  std::thread answering([mine] {
    const int client = ::accept(mine, nullptr, nullptr);
    const std::string_view answer = "HTTP/1.1 200 OK\r\n\r\n";
    EXPECT_EQ(::write(client, answer.data(), answer.size()), static_cast<ssize_t>(answer.size()));
    ::close(client);
  });
  until_event("ready");
  answering.join();
  ::close(mine);
  instance_->stop(seconds(10));
  until_event("gone");
}

TEST_F(StartTest, FloodOfOutputNobodyReads) {
  const std::string done = scratch_ / "done";
  LaunchSpec what = spec(test_model() + "--pids " + pid_file_ + " --flood 8000000 --touch " + done);
  what.check_endpoint = "none";
  launch(what);
  until_event("ready");
  // The loop stands still; the server must not.
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(done); }));
  until([&] { return events_.output.find("flooded\n") != std::string::npos; });
  // What was dropped is said where it is missing, in numbers that add up.
  const std::string& output = events_.output;
  std::size_t notes = 0, dropped = 0;
  const std::string before = "\n— ", after = " bytes dropped —\n";
  for (auto at = output.find(before); at != std::string::npos; at = output.find(before, at + 1)) {
    const auto number = at + before.size();
    const auto end = output.find(after, number);
    ASSERT_NE(end, std::string::npos);
    dropped += std::stoul(output.substr(number, end - number));
    notes += end + after.size() - at;
  }
  EXPECT_GT(dropped, 0u);
  EXPECT_EQ(output.size() - notes + dropped, 8'000'000 + std::string_view("flooded\n").size());
}

}  // namespace
}  // namespace llama_swap::process
