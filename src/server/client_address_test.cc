#include "server/client_address.h"

#include <gtest/gtest.h>

#include "server/testing.h"

namespace llama_swap::server {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string ip(Fields headers, const TrustedProxies& proxies = {}) {
  const testing::FakeExchange exchange("GET", "/", std::move(headers));
  return std::string(client_ip(exchange, proxies));
}

TEST(ClientAddress, EverybodyIsBelieved) {
  EXPECT_EQ(ip({}), "192.0.2.7");  // that of the socket
  EXPECT_EQ(ip({{"X-Forwarded-For", " 1.1.1.1 , 2.2.2.2"}, {"X-Real-IP", "3.3.3.3"}}), "1.1.1.1");
  EXPECT_EQ(ip({{"X-Forwarded-For", ""}, {"X-Real-IP", "3.3.3.3"}}), "3.3.3.3");
}

TEST(ClientAddress, OnlySomeProxiesAreBelieved) {
  const Fields made_up{{"X-Forwarded-For", "1.1.1.1"}, {"X-Real-IP", "3.3.3.3"}};
  using List = std::vector<std::string>;
  EXPECT_EQ(ip(made_up, TrustedProxies(List{})), "192.0.2.7");
  EXPECT_EQ(ip(made_up, TrustedProxies(List{"10.0.0.0/8"})), "192.0.2.7");
  const TrustedProxies ours(List{"192.0.2.0/24", "10.0.0.0/8"});
  EXPECT_EQ(ip(made_up, ours), "1.1.1.1");
  EXPECT_EQ(ip({}, ours), "192.0.2.7");
  // The client has written the first, our proxies the others.
  EXPECT_EQ(ip({{"X-Forwarded-For", "6.6.6.6, 1.1.1.1, 10.0.0.1"}}, ours), "1.1.1.1");
  EXPECT_EQ(ip({{"X-Forwarded-For", "6.6.6.6"}, {"X-Forwarded-For", "1.1.1.1, 10.0.0.1"}}, ours),
            "1.1.1.1");
  EXPECT_EQ(ip({{"X-Forwarded-For", "10.0.0.2, 10.0.0.1"}}, ours), "10.0.0.2");
  EXPECT_EQ(ip({{"X-Forwarded-For", "made up, 10.0.0.1"}}, ours), "made up");
}

}  // namespace
}  // namespace llama_swap::server
