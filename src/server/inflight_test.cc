#include "server/inflight.h"

#include <gtest/gtest.h>

#include "server/testing.h"
#include "util/timestamp.h"

namespace llama_swap::server {
namespace {

struct Fixture : ::testing::Test {
  net::Loop loop;
  net::TimerWheel wheel{loop};
  observe::EventBus events;
  EventHub hub{wheel};
  InflightTable table{wheel, events, hub};
  observe::EventSubscription subscription{events, [] {}};

  Json next() {
    const auto event = subscription.take();
    return event ? Json::parse(std::get<observe::Inflight>(*event).json) : Json();
  }
};

TEST(Inflight, Times) {
  EXPECT_EQ(util::rfc3339(
                std::chrono::system_clock::time_point(std::chrono::milliseconds(1136239445123))),
            "2006-01-02T22:04:05.123Z");
}

TEST_F(Fixture, ConfiguredSecrets) {
  table.use(TrustedProxies(std::nullopt), Redaction({"X-Room"}));
  testing::FakeExchange exchange("POST", "/v1/chat/completions", {{"x-room", "7"}, {"x-a", "8"}});
  InflightTable::Entry entry(table, exchange, "m1", "/v1/chat/completions");
  EXPECT_EQ(next()["request"]["req_headers"], Json::parse(R"({"X-Room":"[REDACTED]","X-A":"8"})"));
}

// Whoever sends requests must not make it expensive to show them.
TEST_F(Fixture, WhatIsShownIsBounded) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (int i = 0; i < 900; ++i)
    headers.emplace_back("x-" + std::to_string(i), std::string(50, 'y'));
  headers.emplace_back("X-Forwarded-For", std::string(60'000, '1'));
  testing::FakeExchange exchange("POST", "/", headers);
  InflightTable::Entry entry(table, exchange, "m1", "/" + std::string(60'000, 'p'));
  net::ResponseHead head;
  const std::string value(60'000, 'z');
  head.headers = {{"x-long", value}};
  entry.answered(head, {});
  next();
  const Json shown = next()["request"];
  EXPECT_EQ(shown["req_headers"]["X-0"], std::string(50, 'y'));
  EXPECT_LT(shown.dump().size(), 2 * InflightTable::kMaxHeaders + InflightTable::kMaxPath + 1000);
}

TEST_F(Fixture, LifeOfARequest) {
  testing::FakeExchange exchange("POST", "/v1/chat/completions",
                                 {{"authorization", "Bearer s"}, {"accept", "a"}, {"Accept", "b"}});
  {
    InflightTable::Entry entry(table, exchange, "m1", "/v1/chat/completions");
    Json got = next();
    EXPECT_EQ(got["operation"], "upsert");
    Json request = got["request"];
    EXPECT_EQ(request["id"], "1");
    EXPECT_EQ(request["model"], "m1");
    EXPECT_EQ(request["req_path"], "/v1/chat/completions");
    EXPECT_EQ(request["method"], "POST");
    EXPECT_EQ(request["remote_ip"], "192.0.2.7");
    EXPECT_EQ(request["req_headers"],
              Json::parse(R"({"Authorization":"[REDACTED]","Accept":"a"})"));
    EXPECT_EQ(request["resp_headers"], Json::object());
    EXPECT_EQ(request["resp_bytes"], 0);
    EXPECT_TRUE(request["elapsed_ms"].is_number_integer());

    net::ResponseHead head;
    head.headers = {{"content-type", "text/plain"}, {"Set-Cookie", "c"}};
    entry.answered(head, {});
    EXPECT_EQ(next()["request"]["resp_headers"],
              Json::parse(R"({"Content-Type":"text/plain","Set-Cookie":"[REDACTED]"})"));
    EXPECT_EQ(Json::parse(table.snapshot())["requests"].size(), 1u);
  }
  EXPECT_EQ(next(), Json::parse(R"({"operation":"remove","id":"1"})"));
  EXPECT_EQ(Json::parse(table.snapshot()), Json::parse(R"({"operation":"snapshot"})"));
}

TEST_F(Fixture, RequestsOfANamedKeyToASelector) {
  testing::FakeExchange exchange("POST", "/x");
  InflightTable::Entry plain(table, exchange, "m1", "/x");
  EXPECT_FALSE(next()["request"].contains("metadata"));
  InflightTable::Entry entry(table, exchange, "m1", "/x", "anna", "any");
  EXPECT_EQ(next()["request"]["metadata"], Json::parse(R"({"key":"anna","selector":"any"})"));
  entry.set_model("m1");  // no news
  entry.set_model("m2");
  EXPECT_EQ(next()["request"]["model"], "m2");
  EXPECT_EQ(next(), Json());
}

TEST_F(Fixture, ProgressIsShownByTheTimer) {
  testing::FakeExchange exchange("POST", "/x");
  InflightTable::Entry entry(table, exchange, "m1", "/x");
  next();
  exchange.count_payload(7);
  Json got;
  while ((got = next()).is_null()) loop.run_one();
  EXPECT_EQ(got["request"]["resp_bytes"], 7);
}

TEST_F(Fixture, ABurstEndsInOneSnapshot) {
  testing::FakeExchange exchange("POST", "/x");
  InflightTable::Entry stays(table, exchange, "m1", "/x");
  for (int i = 0; i < 10 * InflightTable::kBurst; ++i)
    InflightTable::Entry entry(table, exchange, "m2", "/x");
  int updates = 0;
  while (!next().is_null()) ++updates;
  EXPECT_EQ(updates, InflightTable::kBurst);
  Json got;
  while ((got = next()).is_null()) loop.run_one();
  EXPECT_EQ(got["operation"], "snapshot");
  ASSERT_EQ(got["requests"].size(), 1u);
  EXPECT_EQ(got["requests"][0]["id"], "1");
}

// ---- version 2

struct SecondVersion : Fixture {
  Topics topics = Topics::usual();
  EventHub::Reader reader{hub, topics, [] {}};
  std::uint64_t seen = hub.ring().next();

  // What has been told since the last call.
  std::vector<Json> news() {
    std::vector<Json> out;
    for (; seen < hub.ring().next(); ++seen) {
      const std::string& text = *hub.ring().at(seen).text;
      out.push_back(Json::parse(text.substr(text.find("data: ") + 6)));
    }
    return out;
  }
};

TEST_F(SecondVersion, HowFarARequestIs) {
  using Phase = InflightTable::Entry::Phase;
  testing::FakeExchange exchange("POST", "/x");
  exchange.set_request_id("r-1");
  {
    InflightTable::Entry entry(table, exchange, "m1", "/x", "anna", "any");
    EXPECT_EQ(table.list()[0]["request_id"], "r-1");
    entry.received(99);
    entry.enter(Phase::queue);  // no news
    entry.enter(Phase::asking);
    entry.enter(Phase::asking);
    entry.answered({}, {});
    exchange.count_payload(7);
    std::vector<Json> got;
    while (got.size() < 4) {
      for (Json& one : news()) got.push_back(std::move(one));
      if (got.size() < 4) loop.run_one();
    }
    EXPECT_EQ(got[0]["request"]["phase"], "queue");
    EXPECT_EQ(got[0]["request"]["request_id"], "r-1");
    EXPECT_EQ(got[0]["request"]["key"], "anna");
    EXPECT_EQ(got[0]["request"]["selector"], "any");
    EXPECT_FALSE(got[0]["request"].contains("metadata"));
    EXPECT_EQ(got[1]["request"]["phase"], "asking");
    EXPECT_EQ(got[1]["request"]["req_bytes"], 99);
    EXPECT_EQ(got[2]["request"]["phase"], "streaming");
    EXPECT_EQ(got[3]["request"]["resp_bytes"], 7);
    int first = 0;  // the original's stream is told less often
    for (Json one = next(); !one.is_null(); one = next()) {
      ++first;
      EXPECT_FALSE(one["request"].contains("request_id"));
    }
    EXPECT_EQ(first, 3);
  }
  const std::vector<Json> end = news();
  ASSERT_EQ(end.size(), 1u);
  EXPECT_EQ(end[0]["operation"], "remove");
  EXPECT_EQ(hub.ring().at(seen - 1).audience.name, "m1");
}

TEST_F(SecondVersion, ABurstEndsInOneList) {
  testing::FakeExchange exchange("POST", "/x");
  InflightTable::Entry stays(table, exchange, "m1", "/x");
  for (int i = 0; i < InflightTable::kBurst; ++i)
    InflightTable::Entry entry(table, exchange, "m2", "/x");
  EXPECT_EQ(news().size(), static_cast<std::size_t>(InflightTable::kBurst));
  std::vector<Json> got;
  while ((got = news()).empty()) loop.run_one();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0]["operation"], "snapshot");
  EXPECT_EQ(got[0]["requests"].size(), 1u);
}

TEST_F(SecondVersion, AnotherModelIsAnotherAudience) {
  testing::FakeExchange exchange("POST", "/x");
  InflightTable::Entry entry(table, exchange, "m1", "/x");
  entry.set_model("m2");
  EXPECT_EQ(hub.ring().at(1).audience.kind, Audience::model);
  EXPECT_EQ(hub.ring().at(2).audience.kind, Audience::divided);
}

TEST_F(Fixture, Cancel) {
  testing::FakeExchange exchange("POST", "/x");
  InflightTable::Entry entry(table, exchange, "m1", "/x");
  EXPECT_FALSE(table.cancel("2"));
  EXPECT_FALSE(table.cancel(""));
  int calls = 0;
  entry.on_cancel([&] { ++calls; });
  EXPECT_TRUE(table.cancel("1"));
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(entry.cancelled());
  EXPECT_FALSE(exchange.aborted);
  entry.on_cancel(nullptr);
  EXPECT_TRUE(table.cancel("1"));
  EXPECT_TRUE(exchange.aborted);
}

}  // namespace
}  // namespace llama_swap::server
