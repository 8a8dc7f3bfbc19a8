#include "net/http.h"

#include <gtest/gtest.h>

namespace llama_swap::net {
namespace {

TEST(Headers, FindIgnoresCaseAndTakesTheFirst) {
  const Headers headers = {{"A", "1"}, {"b", "2"}, {"a", "3"}};
  ASSERT_NE(find_header(headers, "a"), nullptr);
  EXPECT_EQ(*find_header(headers, "a"), "1");
  EXPECT_EQ(*find_header(headers, "B"), "2");
  EXPECT_EQ(find_header(headers, "c"), nullptr);
  EXPECT_EQ(find_header(headers, ""), nullptr);
}

TEST(Headers, HasToken) {
  const Headers headers = {{"Connection", "keep-alive ,\tUpgrade"}, {"connection", "x"}, {"E", ""}};
  for (const std::string_view token : {"keep-alive", "upgrade", "X"})
    EXPECT_TRUE(header_has_token(headers, "CONNECTION", token)) << token;
  for (const std::string_view token : {"keep", "alive", "", "keep-alive ,\tupgrade"})
    EXPECT_FALSE(header_has_token(headers, "connection", token)) << token;
  EXPECT_FALSE(header_has_token(headers, "other", "x"));
}

TEST(RequestHead, PathAndQuery) {
  struct Case {
    std::string_view target, path, query;
  };
  static const Case cases[] = {
      {"/", "/", ""},
      {"/a%2Fb/c?x=1&y", "/a%2Fb/c", "x=1&y"},
      {"/a?", "/a", ""},
      {"/a?b?c", "/a", "b?c"},
      {"/a#f?x", "/a", ""},
      {"/a?x#f", "/a", "x"},
      {"/?u=http://h/p", "/", "u=http://h/p"},
      {"http://h", "/", ""},
      {"http://h?x", "/", "x"},
      {"http://h:1/p/q?x", "/p/q", "x"},
      {"*", "*", ""},
      {"h:443", "h:443", ""},
      {"//h/p", "//h/p", ""},
  };
  for (const Case& c : cases) {
    RequestHead head;
    head.target = c.target;
    EXPECT_EQ(head.path(), c.path) << c.target;
    EXPECT_EQ(head.query(), c.query) << c.target;
  }
}

TEST(ReasonPhrase, Table) {
  EXPECT_EQ(reason_phrase(100), "Continue");
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(404), "Not Found");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(511), "Network Authentication Required");
  for (const int unknown : {0, 99, 299, 306, 599, 1000}) EXPECT_EQ(reason_phrase(unknown), "");
}

TEST(FormValue, Table) {
  struct Case {
    std::string_view form;
    std::optional<std::string> want;
  };
  static const Case cases[] = {
      {"", std::nullopt},
      {"&", std::nullopt},
      {"model=a", "a"},
      {"x=1&model=a&model=b", "a"},
      {"model", ""},
      {"model=", ""},
      {"model=&model=b", ""},
      {"model=a=b", "a=b"},
      {"model=a+b%20c%2Bd%c3%A9", "a b c+d\xc3\xa9"},
      {"%6dodel=a", "a"},
      {"%6d%6f%64%65%6c=a", "a"},
      {"MODEL=a", std::nullopt},
      {"models=a&mode=b&xmodel=c", std::nullopt},
      {"model%00=a", std::nullopt},
      // pieces that do not count
      {"model=%&model=b", "b"},
      {"model=%4&model=b", "b"},
      {"model=%zz&model=b", "b"},
      {"model%=a", std::nullopt},
      {"model=a;b=c", std::nullopt},
      {"a;model=x&model=y", "y"},
      {"a;model=x", std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(form_value(c.form, "model"), c.want) << c.form;
  EXPECT_EQ(form_value("=x", ""), "x");
  EXPECT_EQ(form_value("a=1&&b=2", ""), std::nullopt);
}

}  // namespace
}  // namespace llama_swap::net
