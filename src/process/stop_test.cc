// Ends: asked for, or not; and that nothing of a process tree is ever left.
#include <signal.h>
#include <unistd.h>

#include "process/launch_fixture.h"
#include "process/proc_fs.h"

namespace llama_swap::process {
namespace {

class StopTest : public LaunchTest {
 protected:
  // A command that is ready at once, with the flags before it serves.
  std::string model(const std::string& flags) const {
    return test_model() + "--pids " + pid_file_ + " " + flags + " --port " + std::to_string(port_);
  }
  void start(const std::string& cmd, const std::string& cmd_stop = "",
             config::StopScope scope = config::StopScope::tree) {
    LaunchSpec what = spec(cmd);
    what.cmd_stop = cmd_stop;
    what.stop_scope = scope;
    what.env = {"FROM_CONFIG=yes"};
    launch(what);
    until_event("ready");
  }
  milliseconds stop(milliseconds grace) {
    const auto begin = util::Clock::now();
    instance_->stop(grace);
    until_event("gone");
    return std::chrono::duration_cast<milliseconds>(util::Clock::now() - begin);
  }
};

TEST_F(StopTest, ReachesEveryDescendant) {
  struct Case {
    const char* name;
    std::string cmd;
  };
  const Case cases[] = {
      {"alone", model("")},
      {"shell that waits", "sh -c '" + model("") + " & wait'"},
      {"plain helper", model("--helper plain")},
      {"helper in its own group", model("--helper group")},
      {"helper in its own session", model("--helper session")},
      {"daemon", model("--daemonise")},
      {"daemon with helpers", model("--helper group --daemonise --helper session")},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    events_.seen.clear();
    std::filesystem::remove(pid_file_);
    start(c.cmd);
    EXPECT_LT(stop(seconds(10)), seconds(5));
    EXPECT_EQ(events_.text(), "ready, gone");
    EXPECT_TRUE(all_gone());
    EXPECT_FALSE(logged("had to be killed"));
  }
}

TEST_F(StopTest, KillsAfterTheGrace) {
  start(model("--ignore-term"));
  const milliseconds took = stop(milliseconds(300));
  EXPECT_GE(took, milliseconds(300));
  EXPECT_LT(took, seconds(2));
  EXPECT_TRUE(all_gone());
  EXPECT_TRUE(logged("1 process(es) had to be killed"));
}

TEST_F(StopTest, GraceCanBeShortenedNotLengthened) {
  start(model("--ignore-term"));
  const auto begin = util::Clock::now();
  instance_->stop(seconds(60));
  instance_->stop(milliseconds(100));
  instance_->stop(seconds(60));
  until_event("gone");
  EXPECT_LT(util::Clock::now() - begin, seconds(5));
}

TEST_F(StopTest, DeafHelperCostsLittle) {
  start(model("--helper deaf"));
  const milliseconds took = stop(seconds(30));
  EXPECT_GE(took, milliseconds(500));
  EXPECT_LT(took, seconds(3));
  EXPECT_TRUE(all_gone());
}

TEST_F(StopTest, ScopeGroupLeavesOthersAlone) {
  start(model("--helper session"), "", config::StopScope::group);
  stop(seconds(10));
  const auto pids = pids_in(pid_file_);
  ASSERT_EQ(pids.size(), 2u);
  const bool first_is_leader = !lives(pids[0]);
  const pid_t left = first_is_leader ? pids[1] : pids[0];
  EXPECT_TRUE(first_is_leader || !lives(pids[1]));
  EXPECT_TRUE(lives(left));
  ::kill(left, SIGKILL);
  EXPECT_TRUE(eventually([&] { return !lives(left); }));
}

TEST_F(StopTest, StopCommandKnowsPidAndEnvironment) {
  const std::string seen = scratch_ / "seen";
  start(model(""), "sh -c 'echo $0 $FROM_CONFIG > " + seen + "; echo said; kill $0' ${PID}");
  const pid_t pid = instance_->pid();
  EXPECT_LT(stop(seconds(10)), seconds(5));
  EXPECT_EQ(contents(seen), std::to_string(pid) + " yes\n");
  EXPECT_TRUE(logged("<m> stop command done: said"));
  EXPECT_TRUE(all_gone());
}

TEST_F(StopTest, FailingStopCommandIsLoggedAndTheKillFollows) {
  struct Case {
    std::string cmd_stop, want;
  };
  for (const Case& c :
       {Case{"sh -c 'echo oops; exit 4'", "stop command failed: exit status 4: oops"},
        Case{"no-such-program ${PID}", "stop command failed: no such file or directory"}}) {
    SCOPED_TRACE(c.cmd_stop);
    events_.seen.clear();
    start(model(""), c.cmd_stop);
    EXPECT_GE(stop(milliseconds(300)), milliseconds(300)) << "SIGTERM was sent after all";
    EXPECT_TRUE(logged(c.want));
    EXPECT_TRUE(all_gone());
  }
}

TEST_F(StopTest, HangingStopCommandEndsWithTheGrace) {
  start(model(""), test_model() + "--pids " + pid_file_ + " --helper deaf");
  const milliseconds took = stop(milliseconds(300));
  EXPECT_LT(took, seconds(3));
  EXPECT_EQ(pids_in(pid_file_).size(), 3u);
  EXPECT_TRUE(all_gone());
  EXPECT_TRUE(logged("stop command failed: signal: killed"));
}

TEST_F(StopTest, StopCommandMayOutliveTheServer) {
  const std::string cleaned = scratch_ / "cleaned";
  start(model(""),
        "sh -c 'kill $0; while kill -0 $0 && ! grep -q Z /proc/$0/stat; do :; done; touch " +
            cleaned + "' ${PID}");
  stop(seconds(10));
  EXPECT_TRUE(std::filesystem::exists(cleaned));
}

TEST_F(StopTest, EmptyStopCommandMeansSigterm) {
  start(model(""), "# nothing");
  EXPECT_LT(stop(seconds(10)), seconds(5));
  EXPECT_FALSE(logged("stop command"));
}

TEST_F(StopTest, CrashIsSeenAtOnceThoughAHelperHoldsThePipe) {
  start(model("--helper deaf"));
  ::kill(instance_->pid(), SIGKILL);
  const auto begin = util::Clock::now();
  until_event("exited");
  EXPECT_LT(util::Clock::now() - begin, milliseconds(300));
  until_event("gone");
  EXPECT_EQ(events_.text(), "ready, exited: signal: killed, gone");
  EXPECT_TRUE(logged("<m> upstream process exited unexpectedly"));
  EXPECT_TRUE(all_gone());
}

TEST_F(StopTest, ExitStatusIsReported) {
  const std::string go = scratch_ / "go";
  LaunchSpec what = spec(test_model() + "--pids " + pid_file_ + " --await " + go + " --exit 7");
  what.check_endpoint = "none";
  launch(what);
  until_event("ready");
  EXPECT_EQ(events_.text(), "ready");
  std::filesystem::create_directory(go);
  until_event("gone");
  EXPECT_EQ(events_.text(), "ready, exited: exit status 7, gone");
}

TEST_F(StopTest, DaemonLivesOnUntilItsServerEnds) {
  start(model("--helper session --daemonise"));
  const auto pids = pids_in(pid_file_);
  const pid_t server = pids.back();
  ASSERT_NE(server, instance_->pid());
  ASSERT_TRUE(lives(server));
  ::kill(server, SIGKILL);
  until_event("gone");
  EXPECT_TRUE(events_.text().starts_with("ready, exited")) << events_.text();
  EXPECT_TRUE(all_gone()) << "the helper of the dead daemon lives";
}

TEST_F(StopTest, NoDaemonIsMissedWhileItForks) {
  // Its first two processes come and go while the shim looks for what the command left.
  for (int i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    events_.seen.clear();
    start(model("--daemonise"));
    ProcStat leader;
    EXPECT_TRUE(read_stat(instance_->pid(), leader)) << "reaped before its time";
    stop(seconds(10));
    EXPECT_EQ(events_.text(), "ready, gone");
  }
}

TEST_F(StopTest, AbandonedInstanceIsStoppedByItsShim) {
  const std::string stopped = scratch_ / "stopped";
  start(model("--ignore-term --helper session"), "sh -c 'touch " + stopped + "'");
  instance_.reset();
  EXPECT_TRUE(eventually([&] { return all_gone(); }, seconds(3)));
  EXPECT_TRUE(std::filesystem::exists(stopped));
  EXPECT_EQ(events_.text(), "ready");
}

TEST_F(StopTest, MayBeDestroyedFromAnEvent) {
  for (const char* event : {"ready", "gone"}) {
    SCOPED_TRACE(event);
    events_.seen.clear();
    std::filesystem::remove(pid_file_);
    events_.also = [&](const std::string& seen) {
      if (seen == event) instance_.reset();
    };
    launch(spec(model("")));
    until_event("ready");
    if (instance_) instance_->stop(seconds(10));
    until([&] { return !instance_; });
    EXPECT_TRUE(eventually([&] { return all_gone(); }, seconds(3)));
  }
}

TEST_F(StopTest, KilledShimLeavesNothing) {
  for (const bool daemonised : {false, true}) {
    SCOPED_TRACE(daemonised);
    events_.seen.clear();
    std::filesystem::remove(pid_file_);
    start(model(daemonised ? "--daemonise --helper session" : "--helper session"));
    ProcStat leader;
    ASSERT_TRUE(read_stat(instance_->pid(), leader));
    ::kill(leader.parent, SIGKILL);
    until_event("gone");
    EXPECT_TRUE(events_.text().starts_with("ready, exited")) << events_.text();
    EXPECT_TRUE(all_gone());
  }
}

TEST_F(StopTest, SilentShimIsReportedAsStuck) {
  start(model(""));
  ProcStat leader;
  ASSERT_TRUE(read_stat(instance_->pid(), leader));
  ::kill(leader.parent, SIGSTOP);
  instance_->stop(milliseconds(0));
  until_event("stuck");
  EXPECT_TRUE(lives(leader.pid));
  ::kill(leader.parent, SIGCONT);
  until_event("gone");
  EXPECT_EQ(events_.text(), "ready, stuck, gone");
  EXPECT_TRUE(all_gone());
}

}  // namespace
}  // namespace llama_swap::process
