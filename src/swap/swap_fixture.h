// For the tests of the actor: one with three models in a group, on a loop that the test turns, and
// what it told.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "swap/fake_launcher.h"
#include "swap/swap.h"

namespace llama_swap::swap {

using namespace std::chrono_literals;
using Phase = Admission::Phase;
using Strings = std::vector<std::string>;

// A connection that a request is using, seen from both ends.
class OpenConnection {
 public:
  OpenConnection(net::Loop& loop, net::Upstream& upstream) : connection_(loop, upstream) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    EXPECT_TRUE(connection_.stream.assign(AF_UNIX, ends[0]));
    other_end_ = ends[1];
  }
  ~OpenConnection() { ::close(other_end_); }
  OpenConnection(const OpenConnection&) = delete;
  OpenConnection& operator=(const OpenConnection&) = delete;

  // The model server sees its client go.
  bool is_cut() const {
    char byte;
    return ::recv(other_end_, &byte, 1, 0) == 0;
  }

 private:
  net::UpstreamConnection connection_;
  int other_end_ = -1;
};

class SwapTest : public ::testing::Test {
 protected:
  SwapTest() {
    for (const char* name : {"a", "b", "c"}) add(name);
    config::Group all;
    all.id = "(default)";
    all.members = {"a", "b", "c"};
    config.groups.push_back(all);
  }

  void add(const std::string& name) {
    config::Model model;
    model.id = name;
    model.cmd = "server-" + name;
    model.proxy = "http://127.0.0.1:9";
    model.unload_timeout = 7s;
    model.concurrency_limit = 3;
    config.models[name] = model;
  }

  // The actor begins with `config` as it is at the first call.
  Actor& actor() {
    if (!actor_) {
      Actor::Hooks hooks;
      hooks.log = [this](config::LogLevel level, const std::string& model, std::string text) {
        EXPECT_NE(text.find(model), std::string::npos);
        if (level != config::LogLevel::debug) log.push_back(std::move(text));
      };
      hooks.output = [this](const std::string& model, std::string_view data) {
        output.push_back(model + ":" + std::string(data));
      };
      hooks.news = [this](const News& what) {
        news.push_back(what);
        const auto* change = std::get_if<StateChange>(&what);
        if (!change) return;
        states.push_back(change->model + " " + std::string(state_text(change->now)));
        if (on_state) on_state(change->model, change->now);
      };
      hooks.queue_changed = [this] { ++queue_changes; };
      actor_ = std::make_unique<Actor>(loop, wheel, launcher,
                                       std::make_shared<config::Config>(config), std::move(hooks));
    }
    return *actor_;
  }
  void reload() { actor().reconfigure(std::make_shared<config::Config>(config)); }

  // Lets the loop do what is due, without waiting.
  void turn() {
    loop.restart();
    loop.poll();
  }
  // Starts a command; the flag is set when it has returned.
  std::shared_ptr<bool> begin(net::Awaitable<void> command) {
    auto done = std::make_shared<bool>(false);
    const auto run = [](net::Awaitable<void> work,
                        std::shared_ptr<bool> ended) -> net::Awaitable<void> {
      co_await work;
      *ended = true;
    };
    net::spawn(loop, run(std::move(command), done));
    turn();
    return done;
  }
  // An admission that is being served by a ready model.
  Admission serve(const std::string& model) {
    Admission admission = actor().admit(model);
    if (admission.phase() == Phase::waiting) launcher.run(model).ready();
    EXPECT_EQ(admission.phase(), Phase::served);
    return admission;
  }
  // The model is ready and idle.
  void load(const std::string& model) { serve(model); }

  net::Loop loop;
  net::TimerWheel wheel{loop};
  testing::FakeLauncher launcher;
  config::Config config;
  Strings log, output, states;
  std::vector<News> news;
  int queue_changes = 0;
  std::function<void(const std::string&, State)> on_state;
  std::unique_ptr<Actor> actor_;
};

}  // namespace llama_swap::swap
