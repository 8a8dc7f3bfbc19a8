// What becomes of streams when the configuration changes under them.
#include "server/gate.h"

#include <gtest/gtest.h>

#include "server/server.h"
#include "server/surroundings.h"
#include "server/testing.h"
#include "swap/fake_launcher.h"

namespace llama_swap::server {
namespace {

using config::Role;
using Config = config::Config;
using Fields = std::vector<std::pair<std::string, std::string>>;

config::NamedKey named(const std::string& key, Role role, std::vector<std::string> models = {}) {
  config::NamedKey out;
  out.name = key;
  out.digest = util::sha256(key);
  out.role = role;
  out.models = std::move(models);
  return out;
}

std::shared_ptr<Config> example(std::vector<std::string> plain = {},
                                std::vector<config::NamedKey> keys = {}) {
  auto config = std::make_shared<Config>();
  config::Group all;
  all.id = "(default)";
  for (const char* id : {"m1", "m2"}) {
    testing::add_model(*config, id).proxy = "http://127.0.0.1:1";
    all.members.emplace_back(id);
  }
  config->groups.push_back(all);
  config->api_keys = std::move(plain);
  config->named_keys = std::move(keys);
  return config;
}

struct GateTest : ::testing::Test {
  // A server and the streams that clients have opened.
  struct Site : testing::Surroundings {
    explicit Site(std::shared_ptr<Config> config)
        : actor(loop, wheel, launcher, config,
                {.output = [](const std::string&, std::string_view) {}}),
          server(Deps{loop, wheel, memory, worker, actor, log, events, {}}, config) {}
    ~Site() {
      server.end_streams();
      turn();
      for (const auto& stream : streams) EXPECT_TRUE(stream->done);
      worker.join();
    }

    struct Stream {
      Stream(const std::string& path, Fields headers) : exchange("GET", path, std::move(headers)) {}
      testing::FakeExchange exchange;
      bool done = false;
    };
    Stream& open(const std::string& path, Fields headers = {}) {
      streams.push_back(std::make_unique<Stream>(path, std::move(headers)));
      testing::begin(loop, server.handle(streams.back()->exchange), streams.back()->done);
      turn();
      return *streams.back();
    }
    void turn() {
      loop.restart();
      loop.poll();
    }

    swap::testing::FakeLauncher launcher;
    swap::Actor actor;
    Server server;
    std::vector<std::unique_ptr<Stream>> streams;
  };
};

TEST_F(GateTest, AReloadEndsStreamsWhoseCallersSeeSomethingElse) {
  const auto renamed = [] {
    config::NamedKey key = named("k", Role::operating, {"m1"});
    key.name = "other";
    key.may_swap = false;
    return key;
  };
  const auto ops = [](std::vector<std::string> models) {
    return named("k", Role::operating, std::move(models));
  };
  const struct {
    const char* what;
    std::string shown;
    std::shared_ptr<Config> before, after;
    bool ends;
  } cases[] = {
      {"nothing changes", "k", example({}, {ops({"m1"})}), example({}, {ops({"m1"})}), false},
      {"another one goes", "k", example({"x"}, {ops({"m1"})}), example({}, {ops({"m1"})}), false},
      {"another one comes", "k", example({"k"}), example({"x", "k"}), false},
      {"what is not seen", "k", example({}, {ops({"m1"})}), example({}, {renamed()}), false},
      {"from plain to admin", "k", example({"k"}), example({}, {named("k", Role::admin)}), false},
      {"keys are given up", "k", example({"k"}), example(), false},
      {"revoked", "k", example({"k", "x"}), example({"x"}), true},
      {"revoked, named", "k", example({"x"}, {ops({"m1"})}), example({"x"}), true},
      {"keys come", "", example(), example({"k"}), true},
      {"lower role", "k", example({}, {ops({})}), example({}, {named("k", Role::user)}), true},
      {"higher role", "k", example({}, {ops({})}), example({}, {named("k", Role::admin)}), true},
      {"fewer models", "k", example({}, {ops({"m*"})}), example({}, {ops({"m1"})}), true},
      {"more models", "k", example({}, {ops({"m1"})}), example({}, {ops({"m1", "m2"})}), true},
      {"only some", "k", example({}, {ops({})}), example({}, {ops({"m1"})}), true},
      {"all now", "k", example({}, {ops({"m1"})}), example(), true},
  };
  for (const auto& c : cases) {
    Site site(c.before);
    const Fields headers = c.shown.empty() ? Fields{} : Fields{{"x-api-key", c.shown}};
    for (const char* path : {"/api/events", "/api/events?v=2", "/logs/stream/m1"}) {
      const Site::Stream& stream = site.open(path, headers);
      ASSERT_EQ(stream.exchange.status(), 200) << c.what << " " << path;
      ASSERT_FALSE(stream.done);
    }
    site.server.reconfigure(c.after);
    site.turn();
    for (const auto& stream : site.streams) {
      const auto& path = stream->exchange.request().target;
      EXPECT_EQ(stream->done, c.ends) << c.what << " " << path;
      EXPECT_EQ(stream->exchange.finished, c.ends)
          << "in an orderly way: " << c.what << " " << path;
    }
  }
}

TEST_F(GateTest, OfSeveralStreamsOnlyThoseEnd) {
  Site site(example({"a", "b"}));
  const auto& goes = site.open("/api/events", {{"Authorization", "Bearer a"}});
  auto& stays = site.open("/api/events", {{"Authorization", "Bearer b"}});
  site.server.reconfigure(example({"b"}));
  site.turn();
  EXPECT_TRUE(goes.done);
  EXPECT_FALSE(stays.done);
  // It is judged by what is valid now.
  site.server.reconfigure(example({"c"}));
  site.turn();
  EXPECT_TRUE(stays.done);
}

TEST_F(GateTest, APageThatMayNotListenAnyMore) {
  auto open = example();
  open->allowed_origins = {"https://board.example"};
  Site site(open);
  const auto& page = site.open("/api/events", {{"Host", "10.0.0.1:8080"},
                                               {"User-Agent", "Mozilla/5.0"},
                                               {"Accept-Language", "en"},
                                               {"Origin", "https://board.example"}});
  ASSERT_EQ(page.exchange.status(), 200);
  site.server.use_host_names({"here.example"});
  site.turn();
  EXPECT_FALSE(page.done);
  site.server.reconfigure(example());
  site.turn();
  EXPECT_TRUE(page.done);
}

TEST_F(GateTest, AStreamThatGoesOnKnowsTheNewNames) {
  const auto keys = [] { return example({"all"}, {named("some", Role::operating, {"m*"})}); };
  Site site(keys());
  auto& some = site.open("/api/events", {{"x-api-key", "some"}});
  auto& all = site.open("/api/events", {{"x-api-key", "all"}});
  const auto next = keys();
  testing::add_peer(*next, "peer", {"mine"}).proxy = "http://127.0.0.1:1";
  site.server.reconfigure(next);
  site.turn();
  some.exchange.answer.clear();
  all.exchange.answer.clear();
  testing::FakeExchange chat("POST", "/v1/chat/completions",
                             {{"x-api-key", "all"}, {"Content-Type", "application/json"}},
                             R"({"model":"mine"})");
  testing::run(site.loop, site.server.handle(chat));
  site.turn();
  EXPECT_EQ(chat.status(), 502);
  EXPECT_NE(all.exchange.answer.find("inflight"), std::string::npos);
  EXPECT_EQ(some.exchange.answer.find("inflight"), std::string::npos)
      << "the name reads like one of its models, but means peer/mine: " << some.exchange.answer;
  EXPECT_FALSE(some.done);
}

TEST_F(GateTest, IdsOfOtherRightsAreNoPlaceToGoOnFrom) {
  const auto last_id = [](const std::string& answer) {
    const auto at = answer.rfind("\nid: ") + 5;
    return answer.substr(at, answer.find('\n', at) - at);
  };
  const auto ops = [](std::vector<std::string> models) {
    return example({}, {named("k", Role::operating, std::move(models))});
  };
  Site site(ops({"m1"}));
  const auto listen = [&](const std::string& id) -> const std::string& {
    return site.open("/api/events?v=2", {{"x-api-key", "k"}, {"Last-Event-ID", id}})
        .exchange.answer;
  };
  const std::string id = last_id(listen(""));
  EXPECT_TRUE(listen(id).starts_with(": resumed")) << listen(id);
  site.server.reconfigure(ops({"m1"}));
  EXPECT_TRUE(listen(id).starts_with(": resumed")) << "the keys are the same";
  site.server.reconfigure(ops({"m1", "m2"}));
  EXPECT_TRUE(listen(id).starts_with("event: snapshot"));
}

}  // namespace
}  // namespace llama_swap::server
