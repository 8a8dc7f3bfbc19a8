#include "server/own_names.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

TEST(OwnNames, Table) {
  using Names = std::vector<std::string>;
  const struct {
    const char *host, *resolv_conf;
    Names want;
  } cases[] = {
      {"gpu.example.com", "search other.org\n", {"gpu.example.com"}},
      {"GPU",
       "nameserver 1.1.1.1\nsearch Example.com lab.example.com\n",
       {"gpu.example.com", "gpu.lab.example.com"}},
      {"gpu", "domain a.org\nsearch\tb.org.\n", {"gpu.b.org"}},
      {"gpu", "search b.org\ndomain a.org", {"gpu.a.org"}},
      {"gpu", "search .\n", {}},
      {"gpu", "# search a.org\nsearcha.org\n", {}},
      {"gpu", "", {}},
      {"localhost", "search a.org\n", {}},
      {"", "search a.org\n", {}},
  };
  for (const auto& c : cases)
    EXPECT_EQ(own_names(c.host, c.resolv_conf), c.want) << c.host << " " << c.resolv_conf;
}

TEST(OwnNames, OfThisMachineAreFull) {
  for (const std::string& name : own_names()) EXPECT_NE(name.find('.'), name.npos) << name;
}

}  // namespace
}  // namespace llama_swap::server
