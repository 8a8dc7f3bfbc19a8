// The whole server on an exchange in memory, with the real actor and a launcher that starts
// nothing.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/answer.h"
#include "server/server.h"
#include "server/surroundings.h"
#include "server/testing.h"

namespace llama_swap::server {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Instances that do what `outcome` says right after the launch, and go when they are told to.
class FakeLauncher final : public process::Launcher {
 public:
  explicit FakeLauncher(net::Loop& loop) : loop_(loop) {}
  enum class Outcome { ready, failed, none } outcome = Outcome::none;
  int launched = 0;

  std::unique_ptr<process::Instance> launch(process::LaunchSpec,
                                            process::InstanceEvents& events) override {
    ++launched;
    boost::asio::post(loop_, [this, &events] {
      if (outcome == Outcome::ready) events.on_ready();
      if (outcome != Outcome::failed) return;
      events.on_failed({util::Errc::internal, "upstream command exited prematurely"});
      events.on_gone();
    });
    return std::make_unique<FakeInstance>(loop_, events);
  }

 private:
  struct FakeInstance final : process::Instance {
    FakeInstance(net::Loop& l, process::InstanceEvents& e) : loop(l), events(e) {}
    void stop(std::chrono::milliseconds) override {
      if (std::exchange(stopped, true)) return;
      boost::asio::post(loop, [this] { events.on_gone(); });
    }
    pid_t pid() const override { return 1; }
    net::Loop& loop;
    process::InstanceEvents& events;
    bool stopped = false;
  };
  net::Loop& loop_;
};

inline std::shared_ptr<config::Config> example() {
  auto config = std::make_shared<config::Config>();
  for (const char* id : {"m1", "author", "author/model", "comfyui_auto"}) {
    config::Model& model = testing::add_model(*config, id);
    model.cmd = "server";
    model.proxy = "http://127.0.0.1:1";
    model.send_loading_state = true;
    model.ignore_websockets = model.id == "comfyui_auto";
  }
  config->models["m1"].aliases = {"nick"};
  config->aliases["nick"] = "m1";
  testing::add_peer(*config, "p", {"remote"}).proxy = "http://127.0.0.1:1";
  config->profiles["coding"] = {"coding", "Coding", {{"public", "m1"}, {"off", ""}}};
  config::Group group;
  group.id = "(default)";
  for (const auto& [id, model] : config->models) group.members.push_back(id);
  config->groups.push_back(group);
  config->ignore_paths = {R"(.*\.(js|css)$)"};
  return config;
}

struct ServerTest : ::testing::Test, testing::Surroundings {
  FakeLauncher launcher{loop};
  std::shared_ptr<config::Config> config = example();
  std::unique_ptr<swap::Actor> actor;
  std::unique_ptr<observe::Performance> performance;
  std::string hardware;
  std::unique_ptr<Server> server;

  void SetUp() override { start(); }
  void TearDown() override { worker.join(); }

  void start() {
    swap::Actor::Hooks hooks;
    hooks.log = [this](config::LogLevel level, const std::string& model, const std::string& text) {
      log.log(level, text, {{}, model, {}, {}});
    };
    hooks.output = [](const std::string&, std::string_view) {};
    hooks.news = [this](const swap::News& news) { server->tell(news); };
    server.reset();
    actor = std::make_unique<swap::Actor>(loop, wheel, launcher, config, std::move(hooks));
    Deps deps{loop, wheel, memory, worker, *actor, log, events, {}};
    deps.performance = performance.get();
    deps.hardware = &hardware;
    server = std::make_unique<Server>(std::move(deps), config);
  }
  void ask(testing::FakeExchange& exchange) { testing::run(loop, server->handle(exchange)); }

  // "<status> <body>" or, for a redirect, "<status> -> <location>".
  std::string answer(const std::string& method, const std::string& target, Fields headers = {},
                     const std::string& body = "") {
    testing::FakeExchange exchange(method, target, std::move(headers), body);
    ask(exchange);
    const std::string location = exchange.header("Location");
    return std::to_string(exchange.status()) + " " +
           (location.empty() ? exchange.answer : "-> " + location);
  }
  // "<status> <message of the envelope>"
  std::string error(const std::string& method, const std::string& target, Fields headers = {},
                    const std::string& body = "") {
    testing::FakeExchange exchange(method, target, std::move(headers), body);
    ask(exchange);
    const Json envelope = Json::parse(exchange.answer, nullptr, false);
    const bool ours = envelope.is_object() && envelope.value("src", "") == "llama-swap";
    return std::to_string(exchange.status()) + " " +
           (ours ? envelope["error"]["message"].get<std::string>() : "?" + exchange.answer);
  }
  std::string chat(const std::string& body) {
    return error("POST", "/v1/chat/completions", {{"Content-Type", "application/json"}}, body);
  }
};

}  // namespace llama_swap::server
