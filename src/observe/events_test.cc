#include "observe/events.h"

#include <gtest/gtest.h>

namespace llama_swap::observe {
namespace {

TEST(EventBus, DeliversInOrderToEachSubscriber) {
  EventBus bus;
  bus.publish(ActivityStored{1});  // nobody listens yet
  EXPECT_FALSE(bus.has_subscribers());
  int woken = 0;
  EventSubscription a(bus, [&] { ++woken; });
  {
    EventSubscription b(bus, [] {});
    bus.publish(ActivityStored{2});
    EXPECT_EQ(std::get<ActivityStored>(*b.take()).id, 2);
  }
  bus.publish(ProfileChanged{"x"});
  EXPECT_EQ(woken, 1) << "woken once for all that is pending";
  EXPECT_EQ(std::get<ActivityStored>(*a.take()).id, 2);
  EXPECT_EQ(std::get<ProfileChanged>(*a.take()).active, "x");
  EXPECT_EQ(a.take(), nullptr);
  bus.publish(ActivityStored{3});
  EXPECT_EQ(woken, 2);
}

TEST(EventBus, OverflowIsToldOnce) {
  EventBus bus;
  EventSubscription slow(bus, [] {});
  for (std::size_t i = 0; i < EventSubscription::kMaxPending; ++i) bus.publish(ActivityStored{1});
  EXPECT_FALSE(slow.take_overflow());
  bus.publish(ActivityStored{2});
  EXPECT_TRUE(slow.take_overflow());
  EXPECT_FALSE(slow.take_overflow());
  std::size_t got = 0;
  while (slow.take()) ++got;
  EXPECT_EQ(got, EventSubscription::kMaxPending);
}

TEST(EventBus, WhatIsPendingIsBoundedInBytes) {
  EventBus bus;
  EventSubscription slow(bus, [] {});
  const std::string large(EventSubscription::kMaxPendingBytes / 2, 'x');
  bus.publish(Inflight{large + large + large, ""});
  EXPECT_FALSE(slow.take_overflow()) << "one event may be as large as it is";
  bus.publish(ModelStatus{"x"});
  EXPECT_TRUE(slow.take_overflow());
  while (slow.take()) {
  }
  bus.publish(ModelStatus{large});
  bus.publish(UiConfig{large});
  EXPECT_FALSE(slow.take_overflow());
  bus.publish(Inflight{"x", ""});
  EXPECT_TRUE(slow.take_overflow());
}

}  // namespace
}  // namespace llama_swap::observe
