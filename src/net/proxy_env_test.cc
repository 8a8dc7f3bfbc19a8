#include "net/proxy_env.h"

#include <gtest/gtest.h>

namespace llama_swap::net {
namespace {

// "": directly; else host:port of the proxy.
std::string way_to(const char* target, const ProxyEnvironment& environment) {
  const auto url = parse_url(target);
  const auto proxy = proxy_for(*url, environment);
  if (!proxy) return "error: " + proxy.error().message;
  return *proxy ? (*proxy)->url.host + ":" + std::to_string((*proxy)->url.port) : "";
}

TEST(ProxyEnv, NoProxyTable) {
  static const struct {
    const char *no_proxy, *target;
    bool direct;
  } cases[] = {
      {"", "http://example.com", false},
      {"", "http://localhost:9", true},
      {"", "http://LOCALHOST.:9", true},
      {"", "http://127.3.2.1:9", true},
      {"", "http://[::1]:9", true},
      {"*", "http://example.com", true},
      {"a, *", "https://example.com", true},
      {"example.com", "http://example.com", true},
      {"example.com", "http://EXAMPLE.com.", true},
      {"Example.COM", "http://www.example.com", true},
      {"example.com", "http://badexample.com", false},
      {".example.com", "http://example.com", false},
      {".example.com", "http://www.example.com", true},
      {"*.example.com", "http://a.www.example.com", true},
      {"*.example.com", "http://example.com", false},
      {"example.com:80", "http://example.com", true},
      {"example.com:80", "https://example.com", false},
      {"example.com:443", "https://www.example.com", true},
      {"10.1.2.3", "http://10.1.2.3:8000", true},
      {"10.1.2.3", "http://10.1.2.30:8000", false},
      {"10.1.2.3:8000", "http://10.1.2.3:8000", true},
      {"10.1.2.3:8001", "http://10.1.2.3:8000", false},
      {"10.0.0.0/8", "http://10.200.2.3", true},
      {"10.0.0.0/8", "http://11.0.0.1", false},
      {"10.0.0.0/8", "http://10.example.com", false},
      {"10.7.0.0/33", "http://10.7.0.0", false},
      {"fd00::/8", "http://[fd12::1]", true},
      {"fd00::/8", "http://[fe80::1]", false},
      {"fd00::/8", "http://10.0.0.1", false},
      {"fd12::1", "http://[fd12:0::1]:80", true},
      {"[fd12::1]:81", "http://[fd12::1]:80", false},
      {"[fd12::1]:80", "http://[fd12::1]:80", true},
      {" one.org ,, two.org ", "http://two.org", true},
      {"two.org.", "http://three.org", false},
  };
  for (const auto& c : cases) {
    const ProxyEnvironment environment{"http://p:1", "http://p:1", c.no_proxy};
    EXPECT_EQ(way_to(c.target, environment), c.direct ? "" : "p:1")
        << c.no_proxy << " " << c.target;
  }
}

TEST(ProxyEnv, WhichProxyTable) {
  const char* const kUnusable =
      "error: HTTPS_PROXY does not name a proxy as http://host:port, the kind that can be used";
  static const struct {
    ProxyEnvironment environment;
    const char *target, *want;
  } cases[] = {
      {{}, "http://h", ""},
      {{"http://one:1", "http://two:2", ""}, "http://h", "one:1"},
      {{"http://one:1", "http://two:2", ""}, "https://h", "two:2"},
      {{"http://one:1", "", ""}, "https://h", ""},
      {{"", "two:2", ""}, "https://h", "two:2"},
      {{" one ", "", ""}, "http://h", "one:80"},
      {{"", "https://two:2", ""}, "https://h", kUnusable},
      {{"", "socks5://u:secret@two:2", ""}, "https://h", kUnusable},
      {{"", "http://", ""}, "https://h", kUnusable},
      {{"", "socks5://two:2", ""}, "https://localhost", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(way_to(c.target, c.environment), c.want) << c.target;
}

TEST(ProxyEnv, Authorization) {
  static const struct {
    const char *proxy, *want;
  } cases[] = {
      {"http://p:1", ""},
      {"http://user:pass@p:1/", "Basic dXNlcjpwYXNz"},
      {"user:p%40s%3As@p:1", "Basic dXNlcjpwQHM6cw=="},
      {"http://user@p:1", "Basic dXNlcjo="},
  };
  for (const auto& c : cases) {
    const auto proxy = proxy_for(*parse_url("http://h"), {c.proxy, "", ""});
    ASSERT_TRUE(proxy && *proxy) << c.proxy;
    EXPECT_EQ((*proxy)->authorization, c.want);
    EXPECT_EQ((*proxy)->url.host, "p");
  }
}

}  // namespace
}  // namespace llama_swap::net
