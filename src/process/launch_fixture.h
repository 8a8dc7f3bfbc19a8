// For tests that launch real processes: a loop, a launcher, an instance and what it said.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.h"
#include "process/child_reaper.h"
#include "process/local_launcher.h"
#include "util/time.h"

namespace llama_swap::process {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The events in order, by name; output apart.
class Recorder : public InstanceEvents {
 public:
  void on_output(std::string_view data) override { output += data; }
  void on_ready() override { note("ready"); }
  void on_failed(const util::Error& why) override { note("failed: " + why.message); }
  void on_exited(const std::string& how) override { note("exited: " + how); }
  void on_stuck() override { note("stuck"); }
  void on_gone() override { note("gone"); }

  bool has(const std::string& event) const;
  std::string text() const;  // joined by ", "

  std::string output;
  std::vector<std::string> seen;
  std::function<void(const std::string&)> also;  // called after each event

 private:
  void note(std::string event);
};

// A directory of its own, removed with everything in it.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// A port of 127.0.0.1 where nobody listens.
int free_port();
// What test_model is called, with blanks before and after.
std::string test_model();
// Waits, without a loop, for something another process brings about.
bool eventually(const std::function<bool()>& condition, milliseconds limit = seconds(10));
std::string contents(const std::string& file);
std::vector<pid_t> pids_in(const std::string& file);
bool lives(pid_t pid);  // and is no zombie
// Whatever a failed test has left.
void kill_left_overs(const std::string& pid_file);

class LaunchTest : public testing::Test {
 protected:
  LaunchTest();
  ~LaunchTest() override;

  LaunchSpec spec(const std::string& cmd) const;
  void launch(LaunchSpec what);
  // Runs the loop until then; throws, and so ends the test, after 20 s.
  void until(const std::function<bool()>& condition);
  void until_event(const std::string& event);
  bool logged(const std::string& part) const;
  // All who wrote their ids into the pid file are gone.
  bool all_gone() const;

  const Scratch scratch_;
  const std::string pid_file_ = scratch_ / "pids";
  const int port_ = free_port();
  net::Loop loop_{1};
  ChildReaper reaper_{loop_};
  std::vector<std::string> log_;
  LocalLauncher launcher_;
  Recorder events_;
  std::unique_ptr<Instance> instance_;
};

}  // namespace llama_swap::process
