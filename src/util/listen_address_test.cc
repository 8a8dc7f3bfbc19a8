#include "util/listen_address.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

TEST(ListenAddress, Table) {
  const std::string long_path = "unix:/" + std::string(120, 'x');
  const struct {
    std::string text;
    std::string want;  // "path|host|port", or "! message"
  } cases[] = {
      {":8080", "||8080"},
      {"127.0.0.1:1", "|127.0.0.1|1"},
      {"localhost:0", "|localhost|0"},
      {"[::1]:65535", "|::1|65535"},
      {"[::]:80", "|::|80"},
      {"unix:/run/a b.sock", "/run/a b.sock||0"},
      {"", "! missing port in address"},
      {"8080", "! missing port in address"},
      {"host:", "! invalid port"},
      {"host:http", "! invalid port"},
      {"host:65536", "! invalid port"},
      {"host:-1", "! invalid port"},
      {"host:80x", "! invalid port"},
      {"::1:80", "! an IPv6 address needs brackets: [::1]:8080"},
      {"unix:", "! the path must begin with /"},
      {"unix:x.sock", "! the path must begin with /"},
      {long_path, "! the path is too long for a socket"},
  };
  for (const auto& c : cases) {
    const auto got = parse_listen_address(c.text);
    const std::string text = got ? got->path + "|" + got->host + "|" + std::to_string(got->port)
                                 : "! " + got.error().message;
    EXPECT_EQ(text, c.want) << c.text;
  }
}

}  // namespace
}  // namespace llama_swap::util
