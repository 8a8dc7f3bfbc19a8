#include "process/child_reaper.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "process/proc_fs.h"

namespace llama_swap::process {
namespace {

class ChildReaperTest : public testing::Test {
 protected:
  // Runs the loop until then, at most 20 s.
  template <class Condition>
  bool until(Condition condition) {
    for (const auto end = util::Clock::now() + util::seconds(20); util::Clock::now() < end;) {
      if (condition()) return true;
      loop_.restart();
      loop_.run_one_for(util::milliseconds(20));
    }
    return false;
  }

  net::Loop loop_{1};
  ChildReaper reaper_{loop_};
};

bool exists(pid_t pid) {
  ProcStat stat;
  return read_stat(pid, stat);
}

TEST_F(ChildReaperTest, TellsHowAnOwnChildEnded) {
  const pid_t exits = ::fork();
  if (exits == 0) ::_exit(3);
  const pid_t dies = ::fork();
  if (dies == 0) {
    for (;;) ::pause();
  }
  std::optional<int> exited, died;
  reaper_.own(exits, [&](int status) { exited = status; });
  reaper_.own(dies, [&](int status) { died = status; });
  EXPECT_TRUE(reaper_.owns(dies));
  ::kill(dies, SIGKILL);
  ASSERT_TRUE(until([&] { return exited && died; }));
  EXPECT_EQ(WEXITSTATUS(*exited), 3);
  EXPECT_EQ(WTERMSIG(*died), SIGKILL);
  EXPECT_FALSE(reaper_.owns(dies));
}

TEST_F(ChildReaperTest, LeavesTheChildrenOfOthersTheirTime) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(4);
  bool signalled = false;
  ASSERT_TRUE(until([&] {
    ProcStat stat;
    signalled = read_stat(pid, stat) && stat.dead();
    return signalled;
  }));
  loop_.restart();
  loop_.run_for(util::milliseconds(50));
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid) << "somebody else has waited for it";
  EXPECT_EQ(WEXITSTATUS(status), 4);
}

TEST_F(ChildReaperTest, ReapsStrangersInTheEnd) {
  if (!reaper_.is_subreaper()) GTEST_SKIP() << "no sub-reaping here";
  // A grandchild whose parent has gone.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    const pid_t stranger = ::fork();
    if (stranger == 0) ::_exit(0);
    if (::write(ends[1], &stranger, sizeof stranger) < 0) ::_exit(1);
    ::_exit(0);
  }
  pid_t stranger = 0;
  ASSERT_EQ(::read(ends[0], &stranger, sizeof stranger), static_cast<ssize_t>(sizeof stranger));
  ::close(ends[0]);
  ::close(ends[1]);
  reaper_.own(parent, [](int) {});
  EXPECT_TRUE(until([&] { return !exists(stranger); }));
}

}  // namespace
}  // namespace llama_swap::process
