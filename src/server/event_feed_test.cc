// The stream of version 2 with the real actor, on exchanges in memory.
#include "server/event_feed.h"

#include <gtest/gtest.h>

#include "server/core_fixture.h"
#include "server/event_route_v2.h"
#include "server/testing.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

using Strings = std::vector<std::string>;

struct Received {
  std::string type, id;
  Json data;
};

// Comments and blocks without data are left out, as clients do.
std::vector<Received> parse(std::string_view text) {
  std::vector<Received> out;
  Received now;
  for (const std::string_view line : util::split(text, '\n')) {
    if (line.empty()) {
      if (!now.data.is_null()) out.push_back(std::move(now));
      now = {};
    } else if (line.starts_with("event: ")) {
      now.type = line.substr(7);
    } else if (line.starts_with("id: ")) {
      now.id = line.substr(4);
    } else if (line.starts_with("data: ")) {
      now.data = Json::parse(line.substr(6));
      EXPECT_TRUE(now.data.is_object());
    }
  }
  return out;
}

struct EventFeedTest : ::testing::Test, testing::CoreFixture {
  void SetUp() override {
    config::Group all;
    all.id = "(default)";
    for (const char* id : {"a", "b", "c"}) {
      config::Model& model = testing::add_model(*config, id);
      model.cmd = "server";
      model.proxy = "http://127.0.0.1:1";
      model.concurrency_limit = 1000;
      all.members.emplace_back(id);
    }
    config->groups.push_back(all);
    make_core();
  }
  void TearDown() override {
    core->streams.end_all();
    for (const auto& reader : readers)
      while (!reader->done) loop.run_one();
  }

  // One client.
  struct Reader {
    Reader(EventFeedTest& test, const std::string& target,
           std::vector<std::pair<std::string, std::string>> headers, Caller caller)
        : exchange("GET", target, std::move(headers)), call{exchange, *test.core, test.core->site,
                                                            caller,   "",         ""} {
      testing::begin(test.loop, event_stream(call), done);
    }
    // What has come since the last call.
    std::vector<Received> take() { return parse(std::exchange(exchange.answer, "")); }

    testing::FakeExchange exchange;
    Call call;
    bool done = false;
  };
  Reader& read(const std::string& query = "",
               std::vector<std::pair<std::string, std::string>> headers = {}, Caller caller = {}) {
    readers.push_back(
        std::make_unique<Reader>(*this, "/api/events?v=2" + query, std::move(headers), caller));
    turn();
    return *readers.back();
  }
  void turn() {
    loop.restart();
    loop.poll();
  }
  // Lets the wheel turn until that holds.
  template <class Condition>
  void run_until(Condition condition) {
    loop.restart();
    const util::Time end = util::Clock::now() + util::seconds(10);
    while (!condition() && util::Clock::now() < end) loop.run_one_for(util::seconds(1));
    EXPECT_TRUE(condition());
  }
  // The model is ready and idle.
  void load(const std::string& model) {
    const swap::Admission admission = actor->admit(model);
    launcher.run(model).ready();
  }
  void publish(int count, std::size_t size = 10) {
    for (int i = 0; i < count; ++i)
      core->hub.publish(Topic::health, {}, {{"n", i}, {"text", std::string(size, 'x')}});
  }

  std::vector<std::unique_ptr<Reader>> readers;
};

// "swaps begun a"
std::string summary(const Received& event) {
  std::string out = event.type + " " + event.data.value("operation", "");
  if (event.data.contains("model")) out += " " + event.data["model"].get<std::string>();
  return out;
}
Strings summaries(const std::vector<Received>& events) {
  Strings out;
  for (const Received& event : events) out.push_back(summary(event));
  return out;
}

TEST_F(EventFeedTest, NobodyListensNothingIsKept) {
  load("a");
  publish(10);
  EXPECT_EQ(core->hub.ring().next(), 1u);
  EXPECT_FALSE(core->hub.wanted());
}

TEST_F(EventFeedTest, BeginsWithTheStateAndGoesOn) {
  load("a");
  Reader& reader = read("&topics=models,swaps,instances");
  EXPECT_EQ(reader.exchange.header("Content-Type"), "text/event-stream");
  auto got = reader.take();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].type, "snapshot");
  const Json& state = got[0].data;
  EXPECT_EQ(state["event"], got[0].id);
  EXPECT_EQ(state["models"][0]["id"], "a");
  EXPECT_EQ(state["models"][0]["state"], "ready");
  EXPECT_EQ(state["models"][0]["reason"], "request");
  EXPECT_EQ(state["instances"][0]["serial"], 1);
  EXPECT_TRUE(state["instances"][0].contains("load_ms"));
  EXPECT_FALSE(state.contains("queue"));

  const swap::Admission b = actor->admit("b");
  launcher.run("a").gone();
  launcher.run("b").ready();
  turn();
  got = reader.take();
  EXPECT_EQ(summaries(got),
            (Strings{"swaps begun b", "models state a", "instances stopping a", "models state a",
                     "instances gone a", "models state b", "instances started b", "models state b",
                     "instances ready b", "swaps ended b"}));
  EXPECT_EQ(got[0].data["displaces"], Json({"a"}));
  EXPECT_EQ(got[0].data["reason"], "request");
  EXPECT_EQ(got[1].data["reason"], "evicted");
  EXPECT_EQ(got[9].data["outcome"], "ready");
  EXPECT_TRUE(got[9].data["duration_ms"].is_number_integer());
}

TEST_F(EventFeedTest, GoesOnWhereAReaderLeft) {
  Reader& first = read();
  publish(3);
  turn();
  const auto seen = first.take();
  ASSERT_EQ(seen.size(), 4u);
  first.exchange.leave();
  run_until([&] { return first.done; });
  publish(5);  // meanwhile
  const std::string id = seen[2].id;
  for (Reader* again : {&read("", {{"Last-Event-ID", id}}), &read("&lastEventId=" + id)}) {
    const auto got = again->take();
    ASSERT_EQ(got.size(), 6u);
    EXPECT_EQ(got[0].id, seen[3].id);
    EXPECT_EQ(got[0].data, seen[3].data);
    for (const Received& event : got) EXPECT_EQ(event.type, "health");
  }
  EXPECT_EQ(read("", {{"Last-Event-ID", "0-2"}}).take()[0].type, "snapshot");
}

TEST_F(EventFeedTest, WhatIsKnownOfAPeerEndsWhenItIsAnotherOne) {
  testing::add_peer(*config, "moved", {"x"}).proxy = "http://127.0.0.1:1";
  testing::add_peer(*config, "removed", {"y"}).proxy = "http://127.0.0.1:1";
  testing::add_peer(*config, "stays", {"z"}).proxy = "http://127.0.0.1:1";
  core->reconfigure(std::make_shared<config::Config>(*config));
  for (const char* peer : {"moved", "removed", "stays"})
    core->peers.failed(peer, "refused", util::Clock::now());
  Reader& reader = read("&topics=health");
  EXPECT_EQ(reader.take()[0].data["health"]["peers_unreachable"].size(), 3u);
  const auto next = std::make_shared<config::Config>(*config);
  next->peers.erase("removed");
  next->peers["moved"].proxy = "http://127.0.0.1:2";
  core->reconfigure(next);
  turn();
  Strings got;
  for (const Received& event : reader.take())
    got.push_back(event.data["operation"].get<std::string>() + " " +
                  event.data["peer"].get<std::string>());
  EXPECT_EQ(got, (Strings{"peer_reached moved", "peer_reached removed"}));
  EXPECT_EQ(read("&topics=health").take()[0].data["health"]["peers_unreachable"].size(), 1u);
}

TEST_F(EventFeedTest, WhoIsTooSlowGetsTheState) {
  Reader& reader = read("&topics=health,models");
  reader.take();
  // Before the reader has its turn, so many that the ring cannot hold them.
  publish(600, 10'000);
  load("a");
  EXPECT_LE(core->hub.ring().bytes(), EventRing::kMaxBytes);
  turn();
  const auto got = reader.take();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].type, "snapshot");
  EXPECT_EQ(got[0].data["models"][0]["state"], "ready");
  publish(1);
  turn();
  EXPECT_EQ(summaries(reader.take()), Strings{"health "});
}

TEST_F(EventFeedTest, TheQueueIsToldByItsDifferences) {
  load("a");
  const swap::Admission busy = actor->admit("a");
  Reader& reader = read("&topics=queue");
  swap::Admission b = actor->admit("b", 31);
  std::vector<Received> got = reader.take();
  EXPECT_EQ(got[0].data["queue"]["length"], 0);
  run_until([&] { return !reader.exchange.answer.empty(); });
  got = reader.take();
  ASSERT_EQ(got.size(), 1u);
  const Json request = got[0].data["request"];
  EXPECT_EQ(got[0].data["operation"], "upsert");
  EXPECT_EQ(got[0].data["length"], 1);
  EXPECT_EQ(request["model"], "b");
  EXPECT_EQ(request["reason"], "busy");
  EXPECT_EQ(request["blockers"], Json({"a"}));
  EXPECT_EQ(request["place"], 1);
  EXPECT_EQ(request["inflight_id"], "31");
  b.withdraw();
  run_until([&] { return !reader.exchange.answer.empty(); });
  got = reader.take();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].data["operation"], "remove");
  EXPECT_EQ(got[0].data["id"], request["id"]);

  std::vector<swap::Admission> many;
  for (std::size_t i = 0; i <= EventFeed::kMaxChanges; ++i) many.push_back(actor->admit("b"));
  run_until([&] { return !reader.exchange.answer.empty(); });
  got = reader.take();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].data["operation"], "list");
  EXPECT_EQ(got[0].data["requests"].size(), many.size());
}

TEST_F(EventFeedTest, ASnapshotIncludesWhatWaitsToBeTold) {
  load("a");
  const swap::Admission busy = actor->admit("a");
  read("&topics=queue");
  swap::Admission b = actor->admit("b");
  Reader& second = read("&topics=queue");
  EXPECT_EQ(second.take()[0].data["queue"]["length"], 1);
  b.withdraw();  // the first reader has not been told of it
  run_until([&] { return !second.exchange.answer.empty(); });
  EXPECT_EQ(second.take()[0].data["operation"], "remove");
}

TEST_F(EventFeedTest, HealthIsRemembered) {
  const swap::Admission a = actor->admit("a");
  launcher.run("a").fail("no GPU");
  launcher.run("a").gone();
  Reader& reader = read("&topics=health");
  auto got = reader.take();
  EXPECT_EQ(got[0].data["health"]["failed_starts"][0]["why"], "no GPU");
  load("a");
  turn();
  EXPECT_EQ(summaries(reader.take()), Strings{"health start_works a"});
  actor->reconfigure(std::make_shared<config::Config>());
  launcher.run("a").stuck();
  turn();
  EXPECT_EQ(summaries(reader.take()), Strings{"health stuck a"});
  launcher.run("a").gone();
  turn();
  EXPECT_EQ(summaries(reader.take()), Strings{"health stuck_gone a"});
}

TEST_F(EventFeedTest, AReloadTellsWhatChanged) {
  Reader& reader = read("&topics=config");
  EXPECT_EQ(reader.take()[0].data["config"]["models"], Json({"a", "b", "c"}));
  auto next = std::make_shared<config::Config>(*config);
  next->models["b"].ttl = util::seconds(7);
  next->models["c"].cmd = "other";
  next->models.erase("a");
  testing::add_model(*next, "d");
  core->reconfigure(next);
  core->feed.reload_refused("line 3: no");
  turn();
  auto got = reader.take();
  ASSERT_EQ(summaries(got), (Strings{"config reloaded", "config refused"}));
  EXPECT_EQ(got[0].data["added"], Json({"d"}));
  EXPECT_EQ(got[0].data["removed"], Json({"a"}));
  EXPECT_EQ(got[0].data["changed"], Json({"b"}));
  EXPECT_EQ(got[0].data["restarted"], Json({"c"}));
  EXPECT_EQ(got[1].data["problems"], "line 3: no");
  EXPECT_EQ(read("&topics=config").take()[0].data["config"]["problems"], "line 3: no");
}

TEST_F(EventFeedTest, AKeyOfSomeModelsSeesThose) {
  config::NamedKey key;
  key.name = "anna";
  key.models = {"b"};
  load("a");
  Reader& reader = read("", {}, Caller(key));
  auto got = reader.take();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].data["models"].size(), 1u);
  EXPECT_EQ(got[0].data["instances"].size(), 0u);
  EXPECT_FALSE(got[0].data["health"].contains("peers_unreachable"));

  const swap::Admission b = actor->admit("b");
  launcher.run("a").gone();
  core->feed.reload_refused("secret");
  turn();
  std::string text = reader.exchange.answer;
  EXPECT_EQ(summaries(reader.take()),
            (Strings{"swaps begun b", "models state b", "instances started b"}));
  EXPECT_EQ(text.find("\"a\""), std::string::npos) << text;
  EXPECT_EQ(text.find("secret"), std::string::npos);
  core->feed.models_changed();  // about several: the state instead
  turn();
  text = reader.exchange.answer;
  EXPECT_EQ(summaries(reader.take()), Strings{"snapshot "});
  EXPECT_EQ(text.find("\"a\""), std::string::npos) << text;
}

TEST_F(EventFeedTest, LogsAreForThoseWhoAskAndMay) {
  log.info("before");
  Reader& reader = read("&topics=logs,profile");
  auto got = reader.take();
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[1].data,
            Json::parse(R"({"source":"proxy","history":true,"text":"[INFO] before\n"})"));
  EXPECT_EQ(got[1].id, "");
  EXPECT_EQ(got[2].data["source"], "upstream");
  log.info("after");
  turn();
  got = reader.take();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].type, "logs");
  EXPECT_EQ(got[0].data["text"], "[INFO] after\n");

  config::NamedKey key;
  key.models = {"b"};
  EXPECT_EQ(read("&topics=logs", {}, Caller(key)).take().size(), 1u);
}

TEST_F(EventFeedTest, ManyReadersShareEachEvent) {
  std::vector<Reader*> all;
  for (int i = 0; i < 1000; ++i) all.push_back(&read("&topics=health"));
  for (Reader* reader : all) reader->take();
  publish(100);
  run_until([&] { return !all.back()->exchange.answer.empty(); });
  turn();
  for (Reader* reader : all) EXPECT_EQ(reader->take().size(), 100u);
  EXPECT_EQ(core->hub.ring().next() - core->hub.ring().first(), 100u);
}

TEST_F(EventFeedTest, AnUnknownTopicIsRefused) {
  Reader& reader = read("&topics=models,weather");
  EXPECT_EQ(reader.exchange.status(), 400);
  EXPECT_NE(reader.exchange.answer.find("topics are models, queue, swaps"), std::string::npos);
}

}  // namespace
}  // namespace llama_swap::server
