#include "util/ip.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

TEST(Ip, Addresses) {
  for (const char* good : {"127.0.0.1", "::1", "fe80::1", "2001:db8::1", "::ffff:10.0.0.1"})
    EXPECT_TRUE(parse_ip(good)) << good;
  for (const char* bad : {"", "localhost", "127.0.0.1:80", "[::1]", "1.2.3", "fe80::1%eth0"})
    EXPECT_FALSE(parse_ip(bad)) << bad;
  EXPECT_EQ(parse_ip("10.0.0.1"), parse_ip("::ffff:10.0.0.1"));
}

TEST(Ip, Networks) {
  const struct {
    const char *network, *address;
    bool want;
  } cases[] = {
      {"10.0.0.0/8", "10.255.0.1", true},      {"10.0.0.0/8", "11.0.0.1", false},
      {"10.1.0.0/15", "10.0.3.4", true},       {"10.1.0.0/15", "10.2.0.1", false},
      {"192.0.2.7", "192.0.2.7", true},        {"192.0.2.7", "192.0.2.6", false},
      {"192.0.2.7/32", "192.0.2.7", true},     {"0.0.0.0/0", "203.0.113.1", true},
      {"0.0.0.0/0", "2001:db8::1", false},     {"fd00::/8", "fd12::1", true},
      {"fd00::/8", "fe80::1", false},          {"::/0", "10.0.0.1", true},
      {"10.0.0.0/8", "::ffff:10.0.0.1", true},
  };
  for (const auto& c : cases) {
    const auto network = parse_network(c.network);
    ASSERT_TRUE(network) << c.network;
    EXPECT_EQ(network->contains(*parse_ip(c.address)), c.want) << c.network << " " << c.address;
  }
  for (const char* bad : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x",
                          "fd00::/129", "example.org", "/8"})
    EXPECT_FALSE(parse_network(bad)) << bad;
}

}  // namespace
}  // namespace llama_swap::util
