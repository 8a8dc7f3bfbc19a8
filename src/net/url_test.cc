#include "net/url.h"

#include <gtest/gtest.h>

namespace llama_swap::net {
namespace {

TEST(ParseUrl, Accepts) {
  struct Case {
    std::string_view text, scheme, host;
    int port;
    std::string_view authority, path, query;
  };
  static const Case cases[] = {
      {"http://localhost:8080", "http", "localhost", 8080, "localhost:8080", "", ""},
      {"http://h", "http", "h", 80, "h", "", ""},
      {"HTTPS://Host.example/", "https", "Host.example", 443, "Host.example", "/", ""},
      {"https://h:8443/api/v1?k=v&w", "https", "h", 8443, "h:8443", "/api/v1", "k=v&w"},
      {"http://h?q", "http", "h", 80, "h", "", "q"},
      {"http://h:/x", "http", "h", 80, "h:", "/x", ""},
      {"http://[::1]:9000/x", "http", "::1", 9000, "[::1]:9000", "/x", ""},
      {"http://[fe80::2]", "http", "fe80::2", 80, "[fe80::2]", "", ""},
      {"http://user:pa@ss@h:1/", "http", "h", 1, "h:1", "/", ""},
      {"http://h/a%2Fb#frag?x", "http", "h", 80, "h", "/a%2Fb", ""},
      {"http://h/a b\xc3\xa9?\xc3\xa9 ", "http", "h", 80, "h", "/a%20b%C3%A9", "%C3%A9%20"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const auto url = parse_url(c.text);
    ASSERT_TRUE(url) << url.error().message;
    EXPECT_EQ(url->scheme, c.scheme);
    EXPECT_EQ(url->host, c.host);
    EXPECT_EQ(url->port, c.port);
    EXPECT_EQ(url->authority, c.authority);
    EXPECT_EQ(url->path, c.path);
    EXPECT_EQ(url->query, c.query);
  }
}

TEST(ParseUrl, Refuses) {
  for (const std::string_view text : {"",
                                      "x",
                                      "localhost:8080",
                                      "127.0.0.1:8080",
                                      "://x",
                                      "ftp://h/",
                                      "/path",
                                      "http:/h",
                                      "http://",
                                      "http:///x",
                                      "http://:80/",
                                      "http://u@/",
                                      "http://h:abc",
                                      "http://h:65536",
                                      "http://h:0",
                                      "http://h:-1",
                                      "http://[::1",
                                      "http://[x]/",
                                      "http://a b/",
                                      "http://h/%zz",
                                      "http://h/%4",
                                      "http://h/\n",
                                      "http://h/\x7f",
                                      "http://h\\x/"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, util::Errc::invalid) << text;
  }
  EXPECT_EQ(parse_url("http://h:abc").error().message,
            "URL \"http://h:abc\": malformed host or port");
}

TEST(JoinTarget, Table) {
  struct Case {
    std::string_view base, path, query, want;
  };
  static const Case cases[] = {
      {"http://h", "/v1/x", "", "/v1/x"},
      {"http://h/", "/v1/x", "", "/v1/x"},
      {"http://h/base", "/v1/x", "", "/base/v1/x"},
      {"http://h/base/", "/v1/x", "", "/base/v1/x"},
      {"http://h/base/", "v1/x", "", "/base/v1/x"},
      {"http://h/base", "", "", "/base/"},
      {"http://h", "", "", "/"},
      {"http://h", "/a%2Fb", "x=%20", "/a%2Fb?x=%20"},
      {"http://h/b?k=v", "/a", "", "/b/a?k=v"},
      {"http://h/b?k=v", "/a", "x=y", "/b/a?k=v&x=y"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(join_target(*parse_url(c.base), c.path, c.query), c.want) << c.base << ' ' << c.path;
}

}  // namespace
}  // namespace llama_swap::net
