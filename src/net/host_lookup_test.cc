#include "net/host_lookup.h"

#include <gtest/gtest.h>

#include "../tests/support/loop_thread.h"

namespace llama_swap::net {
namespace {

class HostLookup : public testing::Test {
 protected:
  using Answer = std::promise<util::Result<Addresses>>;
  static Awaitable<void> ask(HostLookup* test, std::string host, Answer* answer) {
    auto found = co_await look_up(test->loop_.loop, test->loop_.wheel, host, util::Time::max(),
                                  test->cancel_);
    answer->set_value(std::move(found));
  }
  util::Result<Addresses> look_up_now(const std::string& host, bool cancels = false) {
    Answer answer;
    loop_.on_loop([&] {
      spawn(loop_.loop, ask(this, host, &answer));
      if (cancels) cancel_();
      return 0;
    });
    return answer.get_future().get();
  }

  test::LoopThread loop_;
  std::function<void()> cancel_;
};

TEST_F(HostLookup, NoLookupIsNeeded) {
  const struct {
    const char* host;
    std::vector<std::string> addresses;
  } cases[] = {
      {"127.0.0.1", {"127.0.0.1"}},
      {"::1", {"::1"}},
      {"LocalHost", {"127.0.0.1", "::1"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.host);
    const auto found = look_up_now(c.host);
    ASSERT_TRUE(found);
    std::vector<std::string> addresses;
    for (const auto& address : *found) addresses.push_back(address.to_string());
    EXPECT_EQ(addresses, c.addresses);
  }
}

TEST_F(HostLookup, NoSuchName) {
  const auto found = look_up_now("no..name");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, util::Errc::io);
  EXPECT_EQ(found.error().message.substr(0, 18), "look up no..name: ");
}

TEST_F(HostLookup, WhoIsCancelledDoesNotWait) {
  const auto found = look_up_now("no..name", true);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, util::Errc::cancelled);
}

}  // namespace
}  // namespace llama_swap::net
