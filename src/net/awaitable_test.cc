#include "net/awaitable.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace llama_swap::net {
namespace {

using Timer = boost::asio::steady_timer;

class AwaitableTest : public testing::Test {
 protected:
  // Comes back from the loop.
  Awaitable<int> later(int value) {
    Timer timer(loop, std::chrono::seconds(0));
    const auto [ec] = co_await timer.async_wait(use_awaitable);
    EXPECT_FALSE(ec);
    co_return value;
  }
  static Awaitable<int> now(int value) { co_return value; }
  static Awaitable<int> fail_now() {
    throw std::runtime_error("now");
    co_return 0;
  }
  Awaitable<int> fail_later() {
    co_await later(0);
    throw std::runtime_error("later");
  }

  boost::asio::io_context loop;
};

TEST_F(AwaitableTest, CallsThatEndAtOnceAndCallsThatWait) {
  std::vector<int> got;
  const auto work = [&]() -> Awaitable<void> {
    got.push_back(co_await now(1));
    got.push_back(co_await later(2));
    got.push_back(co_await now(3));
    got.push_back(co_await later(4));
  };
  spawn(loop, work());
  EXPECT_TRUE(got.empty()) << "not on the loop's thread: it begins with the loop";
  loop.run();
  EXPECT_EQ(got, (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(AwaitableTest, OnTheLoopItBeginsAtOnce) {
  std::string order;
  const auto work = [&]() -> Awaitable<void> {
    order += "b";
    co_await later(0);
    order += "d";
  };
  boost::asio::post(loop, [&] {
    order += "a";
    spawn(loop, work());
    order += "c";
  });
  loop.run();
  EXPECT_EQ(order, "abcd");
}

// Neither the stack nor the list of frames grows with the number of calls.
TEST_F(AwaitableTest, AMillionCalls) {
  long sum = 0;
  const auto work = [&]() -> Awaitable<void> {
    for (int i = 0; i < 1'000'000; ++i) sum += co_await now(1);
    for (int i = 0; i < 10'000; ++i) sum += co_await later(1);
  };
  spawn(loop, work());
  loop.run();
  EXPECT_EQ(sum, 1'010'000);
}

TEST_F(AwaitableTest, ExceptionsPassThrough) {
  std::string caught;
  const auto middle = [](Awaitable<int> inner) -> Awaitable<int> { co_return co_await inner; };
  const auto work = [&]() -> Awaitable<void> {
    try {
      co_await middle(fail_now());
    } catch (const std::runtime_error& e) {
      caught += e.what();
    }
    try {
      co_await middle(fail_later());
    } catch (const std::runtime_error& e) {
      caught += std::string(" ") + e.what();
    }
  };
  spawn(loop, work());
  loop.run();
  EXPECT_EQ(caught, "now later");
}

TEST_F(AwaitableTest, ResultsThatCanOnlyBeMoved) {
  int got = 0;
  const auto make = [this]() -> Awaitable<std::unique_ptr<int>> {
    co_await later(0);
    co_return std::make_unique<int>(7);
  };
  const auto work = [&]() -> Awaitable<void> {
    const std::unique_ptr<int> number = co_await make();
    got = *number;
  };
  spawn(loop, work());
  loop.run();
  EXPECT_EQ(got, 7);
}

TEST_F(AwaitableTest, ALoopThatEndsTakesItsCoroutinesAlong) {
  const auto alive = std::make_shared<int>(0);
  const auto waits = [](boost::asio::io_context& on, std::shared_ptr<int> held) -> Awaitable<void> {
    Timer never(on, Timer::time_point::max());
    co_await never.async_wait(use_awaitable);
    ++*held;
  };
  const auto calls = [&waits](boost::asio::io_context& on,
                              std::shared_ptr<int> held) -> Awaitable<void> {
    co_await waits(on, held);
    ++*held;
  };
  {
    boost::asio::io_context short_lived;
    spawn(short_lived, calls(short_lived, alive));
    short_lived.poll();
    EXPECT_GT(alive.use_count(), 1);
    spawn(short_lived, calls(short_lived, alive));  // not even begun
  }
  EXPECT_EQ(alive.use_count(), 1);
  EXPECT_EQ(*alive, 0);
}

TEST_F(AwaitableTest, ResultsWithoutACoroutine) {
  std::string got;
  const auto text = [](std::string value) { return ready(std::move(value)); };
  const auto nothing = [] { return ready(); };
  const auto work = [&]() -> Awaitable<void> {
    co_await nothing();
    got = co_await text("a text that is too long to be held in place");
  };
  spawn(loop, work());
  spawn(loop, ready());
  loop.run();
  EXPECT_EQ(got, "a text that is too long to be held in place");
}

TEST_F(AwaitableTest, OneThatIsNeverAwaitedNeverBegins) {
  bool begun = false;
  const auto work = [&]() -> Awaitable<void> {
    begun = true;
    co_return;
  };
  { const auto unused = work(); }
  EXPECT_FALSE(begun);
}

}  // namespace
}  // namespace llama_swap::net
