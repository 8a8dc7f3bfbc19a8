#include "server/event_ring.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

TEST(EventRing, Topics) {
  const struct {
    const char* list;
    bool models, swaps, logs;  // nothing of it: an error
  } cases[] = {
      {"", true, true, false},
      {" , ", true, true, false},
      {"models", true, false, false},
      {" logs ,models,models", true, false, true},
      {"profile,swaps,", false, true, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.list);
    const auto topics = Topics::parse(c.list);
    ASSERT_TRUE(topics);
    EXPECT_EQ(topics->has(Topic::models), c.models);
    EXPECT_EQ(topics->has(Topic::swaps), c.swaps);
    EXPECT_EQ(topics->has(Topic::logs), c.logs);
  }
  for (const char* wrong : {"model", "models,x", "Models", "models queue"}) {
    const auto topics = Topics::parse(wrong);
    ASSERT_FALSE(topics) << wrong;
    EXPECT_EQ(topics.error().message,
              "unknown topic; topics are models, queue, swaps, instances, health, inflight, "
              "activity, config, profile, logs");
  }
}

TEST(EventRing, WritesEachEventOnce) {
  EventRing ring("e");
  ring.add(Topic::swaps, {}, R"({"a":1})");
  ring.add(Topic::swaps, {Audience::model, "m"}, R"({"a":2})", R"({})");
  ASSERT_EQ(ring.first(), 1u);
  ASSERT_EQ(ring.next(), 3u);
  EXPECT_EQ(*ring.at(1).text, "event: swaps\nid: e-1\ndata: {\"a\":1}\n\n");
  EXPECT_EQ(ring.at(1).reduced, nullptr);
  EXPECT_EQ(*ring.at(2).text, "event: swaps\nid: e-2\ndata: {\"a\":2}\n\n");
  EXPECT_EQ(*ring.at(2).reduced, "event: swaps\nid: e-2\ndata: {}\n\n");
  EXPECT_EQ(ring.at(2).audience.name, "m");
}

TEST(EventRing, GoesOnAfterAnId) {
  EventRing ring("e1", 1 << 20, 3);
  EXPECT_EQ(ring.id_before(ring.next()), "e1-0");
  EXPECT_EQ(ring.after("e1-0"), 1u);  // nothing has happened yet, nothing is lost
  for (int i = 0; i < 5; ++i) ring.add(Topic::models, {}, "{}");  // 3, 4 and 5 are left
  const struct {
    const char* id;
    std::optional<std::uint64_t> next;
  } cases[] = {
      {"e1-5", 6},
      {"e1-4", 5},
      {" e1-2 ", 3},
      {"e1-1", {}},  // 2 is gone
      {"e1-0", {}},
      {"e1-6", {}},  // was never sent
      {"e2-5", {}},  // of another life
      {"e1", {}},
      {"e1-", {}},
      {"e1-x", {}},
      {"e1-5x", {}},
      {"e1--1", {}},
      {"5", {}},
      {"", {}},
      {"e1-18446744073709551615", {}},
      {"e1-99999999999999999999", {}},
  };
  for (const auto& c : cases) EXPECT_EQ(ring.after(c.id), c.next) << c.id;
}

TEST(EventRing, KeepsItsBounds) {
  EventRing ring("e", 10'000);
  const std::string big = '"' + std::string(3000, 'x') + '"';
  for (int i = 0; i < 100; ++i) {
    ring.add(Topic::models, {}, big, "{}");
    EXPECT_LE(ring.bytes(), 10'000u);
  }
  EXPECT_EQ(ring.next() - ring.first(), 3u);
  ring.add(Topic::models, {}, std::string(20'000, 'x'));
  EXPECT_EQ(ring.next() - ring.first(), 1u) << "the newest one is always there";
  ring.add(Topic::models, {}, "{}");
  EXPECT_EQ(ring.next() - ring.first(), 1u);
  EXPECT_LE(ring.bytes(), 1000u);
}

TEST(EventRing, ForgettingIsNoticed) {
  EventRing ring("e");
  ring.add(Topic::models, {}, "{}");
  ring.forget();
  EXPECT_EQ(ring.bytes(), 0u);
  EXPECT_EQ(ring.after("e-1"), std::nullopt) << "what followed was not written down";
  const std::string now = ring.id_before(ring.next());
  EXPECT_EQ(ring.after(now), ring.next());
  ring.add(Topic::models, {}, "{}");
  EXPECT_TRUE(ring.after(now));
  EXPECT_EQ(ring.after("e-1"), std::nullopt);
}

TEST(EventRing, IdsOfAnotherEpochMeanNothing) {
  EventRing ring("e");
  ring.add(Topic::models, {}, "{}");
  const std::uint64_t next = ring.next();
  ring.begin_epoch("f");
  EXPECT_EQ(ring.after("e-1"), std::nullopt);
  EXPECT_EQ(ring.next(), next) << "whoever is here goes on";
  EXPECT_EQ(ring.after(ring.id_before(next)), next);
}

}  // namespace
}  // namespace llama_swap::server
