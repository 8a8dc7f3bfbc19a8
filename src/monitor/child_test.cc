#include "monitor/child.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "monitor/detached_thread.h"
#include "monitor/line_reader.h"
#include "monitor/test_support.h"

namespace llama_swap::monitor {
namespace {

using std::chrono::seconds;
using util::Errc;

util::Time in(util::Millis time) {
  return util::Clock::now() + time;
}

struct ChildTest : ::testing::Test {
  testing::FakeTree tree;
  StopSignal stop;

  util::Result<std::string> output(const std::string& script, util::Millis patience = seconds(20)) {
    return output_of({tree.script("tool", script)}, stop, in(patience));
  }
  Errc failure(const std::string& script, util::Millis patience = seconds(20)) {
    const auto result = output(script, patience);
    EXPECT_FALSE(result);
    return result ? Errc::internal : result.error().code;
  }
};

TEST_F(ChildTest, Output) {
  EXPECT_EQ(output("echo one; echo two >&2; printf three").value_or("?"), "one\nthree");
  EXPECT_EQ(output("/bin/cat").value_or("?"), "");  // its input has ended
}

TEST_F(ChildTest, Failures) {
  EXPECT_EQ(failure("echo x; exit 3"), Errc::refused);
  EXPECT_EQ(failure("kill -9 $$"), Errc::refused);
  EXPECT_EQ(failure("/bin/sleep 100", util::Millis(50)), Errc::timed_out);
  EXPECT_EQ(failure("while :; do echo 0123456789012345678901234567890123456789; done"),
            Errc::too_large);
  EXPECT_EQ(output_of({"no-tool-of-that-name"}, stop, in(seconds(1))).error().code, Errc::io);
  stop.raise();
  EXPECT_EQ(failure("/bin/sleep 100"), Errc::cancelled);
}

TEST_F(ChildTest, Lines) {
  auto child = Child::start(
      {tree.script("tool", "printf 'one\\ntwo\\nth'; /bin/sleep 0.1; printf 'ree\\n\\nlast'")});
  ASSERT_TRUE(child);
  LineReader reader(stop, child->output());
  for (const char* want : {"one", "two", "three", "", "last"})
    EXPECT_EQ(reader.next(in(seconds(20))).value_or("?"), want);
  EXPECT_EQ(reader.next(in(seconds(20))).error().code, Errc::closed);
  EXPECT_EQ(child->exit_text(), "");
}

TEST_F(ChildTest, ExitText) {
  const std::pair<const char*, const char*> cases[] = {
      {"exit 7", "exit status 7"}, {"kill -15 $$", "signal 15"}, {"exit 0", ""}};
  for (const auto& [script, want] : cases) {
    auto child = Child::start({tree.script("tool", script)});
    ASSERT_TRUE(child);
    LineReader(stop, child->output()).rest(in(seconds(20)));
    EXPECT_EQ(child->exit_text(), want);
  }
}

TEST_F(ChildTest, EndsWithItsGroup) {
  pid_t grandchild = 0;
  {
    auto child = Child::start({tree.script("tool", "/bin/sleep 100 & echo $!; wait")});
    ASSERT_TRUE(child);
    LineReader reader(stop, child->output());
    grandchild = std::stoi(reader.next(in(seconds(20))).value_or("0"));
    ASSERT_GT(grandchild, 0);
    EXPECT_EQ(::kill(grandchild, 0), 0);
  }
  // Nobody but process 1 can reap it; until then it is a zombie.
  const auto gone = [&] {
    std::ifstream stat("/proc/" + std::to_string(grandchild) + "/stat");
    std::string text;
    return !std::getline(stat, text) || text.find(") Z ") != text.npos;
  };
  const util::Time end = in(seconds(20));
  while (!gone() && util::Clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(gone());
}

TEST_F(ChildTest, InPath) {
  tree.script("tool", "");
  tree.file("text", "");
  std::filesystem::create_directory(tree.root() / "folder");
  const testing::Path path(tree);
  EXPECT_TRUE(in_path("tool"));
  for (const char* other : {"text", "folder", "sh"}) EXPECT_FALSE(in_path(other)) << other;
}

TEST(DetachedThread, ReportsUntilStopped) {
  std::atomic<int> reports = 0;
  DetachedThread thread([&reports](const StopSignal& stop, const DetachedThread::Report& report) {
    while (stop.sleep_until(in(util::Millis(1)))) report([&] { ++reports; });
    report([&] { reports = -1; });
  });
  while (reports < 3) std::this_thread::yield();
  EXPECT_FALSE(thread.wait(util::Millis(1)));
  thread.stop();
  EXPECT_TRUE(thread.wait(seconds(20)));
  EXPECT_GE(reports, 3);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need memory themselves
// In a process of its own, with no memory for the stack of a thread; and begun anew, as those of
// earlier threads are kept.
TEST(DetachedThread, OneThatCannotBeStartedIsOver) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto attempt = [] {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_AS, &none);
    bool done = false, worked = false;
    {
      DetachedThread thread(
          [&worked](const StopSignal&, const DetachedThread::Report&) { worked = true; });
      done = thread.wait(seconds(1));
      thread.stop();
    }
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, nullptr, &now);
    std::_Exit(!done || worked ? 1 : sigismember(&now, SIGTERM) ? 2 : 0);
  };
  EXPECT_EXIT(attempt(), ::testing::ExitedWithCode(0), "");
}
#endif

}  // namespace
}  // namespace llama_swap::monitor
