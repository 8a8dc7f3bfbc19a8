#include "process/proc_fs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "process/remains.h"

namespace llama_swap::process {
namespace {

TEST(ProcFs, ParsesStat) {
  const std::string text =
      "4711 (a) R ((b ) S 1 4700 4699 0 -1 4194560 89 0 0 0 0 0 0 0 20 0 3 0 12345678901 2527232 "
      "221 18446744073709551615";
  ProcStat stat;
  ASSERT_TRUE(parse_stat(text.data(), text.size(), stat));
  EXPECT_EQ(stat.pid, 4711);
  EXPECT_EQ(stat.state, 'S');
  EXPECT_EQ(stat.parent, 1);
  EXPECT_EQ(stat.group, 4700);
  EXPECT_EQ(stat.session, 4699);
  EXPECT_EQ(stat.threads, 3);
  EXPECT_EQ(stat.start, 12345678901u);
  for (const std::string broken : {"", "4711", "4711 (x", "4711 (x) S 1 2 3"}) {
    EXPECT_FALSE(parse_stat(broken.data(), broken.size(), stat)) << broken;
  }
}

TEST(ProcFs, ZombieWithThreadsLives) {
  ProcStat stat;
  stat.state = 'Z';
  EXPECT_TRUE(stat.dead());
  stat.threads = 2;
  EXPECT_FALSE(stat.dead());
}

TEST(ProcFs, SeesThisProcess) {
  ProcStat stat;
  ASSERT_TRUE(read_stat(::getpid(), stat));
  EXPECT_EQ(stat.parent, ::getppid());
  EXPECT_EQ(stat.group, ::getpgrp());
  EXPECT_EQ(stat.session, ::getsid(0));
}

// Daemon 10 in session 9; the shim was 50, its command 51, all since 1000.
TEST(Remains, WhatADeadShimLeft) {
  const auto process = [](pid_t pid, pid_t parent, pid_t group, pid_t session, std::uint64_t start,
                          char state = 'S') {
    ProcStat stat;
    stat.pid = pid;
    stat.parent = parent;
    stat.group = group;
    stat.session = session;
    stat.start = start;
    stat.state = state;
    return stat;
  };
  const std::vector<ProcStat> processes = {
      process(10, 1, 9, 9, 1),
      process(20, 10, 20, 20, 900),        // another shim
      process(21, 20, 21, 20, 2000),       // its model
      process(30, 10, 10, 9, 2000),        // a tool the daemon runs
      process(51, 10, 51, 50, 1000, 'Z'),  // the command, dead
      process(52, 10, 51, 50, 1001),       // a member of its group
      process(53, 10, 53, 53, 1002),       // a session of its own
      process(54, 53, 53, 53, 1003),       // and a child there
      process(60, 1, 60, 60, 3000),        // none of our business
      process(70, 10, 70, 70, 999),        // a stranger from before
  };
  const auto owned = [](pid_t pid) { return pid == 20; };
  const auto pids = [](const std::vector<ProcStat>& found) {
    std::vector<pid_t> out;
    for (const ProcStat& stat : found) out.push_back(stat.pid);
    return out;
  };
  const DeadShim shim{50, 51, 1000};
  EXPECT_EQ(pids(remains(shim, processes, 10, 9, owned)), (std::vector<pid_t>{52, 53, 54}));
}

}  // namespace
}  // namespace llama_swap::process
