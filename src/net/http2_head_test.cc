#include "net/http2_head.h"

#include <gtest/gtest.h>

namespace llama_swap::net {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields with_pseudo(Fields more) {
  Fields fields{{":method", "GET"}, {":scheme", "http"}, {":authority", "x"}, {":path", "/"}};
  for (auto& [name, value] : more) {
    bool replaced = false;
    for (auto& field : fields) {
      if (field.first != name || !name.starts_with(':')) continue;
      field.second = value;
      replaced = true;
    }
    if (!replaced) fields.emplace_back(name, value);
  }
  return fields;
}

// The head as text, or the status that answers it.
std::string read(const Fields& fields, std::size_t max_bytes = 64 << 10) {
  Http2Head reader(max_bytes);
  for (const auto& [name, value] : fields) reader.add(name, value);
  RequestHead head;
  const auto fault = reader.finish(head);
  if (fault.status != 0) return std::to_string(fault.status);
  std::string text = std::string(head.method) + " " + std::string(head.target);
  for (const Header& header : head.headers)
    text.append("|").append(header.name).append(": ").append(header.value);
  return text;
}

TEST(Http2Head, Table) {
  const struct {
    const char* name;
    Fields fields;
    std::string wants;
  } cases[] = {
      {"plain", {}, "GET /|host: x"},
      {"query", {{":path", "/a?b=c"}}, "GET /a?b=c|host: x"},
      {"fields in order", {{"b", "1"}, {"a", "2"}, {"b", "3"}}, "GET /|host: x|b: 1|a: 2|b: 3"},
      {"cookies are one",
       {{"cookie", "a=1"}, {"z", ""}, {"cookie", "b=2"}},
       "GET /|host: x|z: |cookie: a=1; b=2"},
      {"host that agrees", {{"host", "X"}}, "GET /|host: x"},
      {"host that contradicts", {{"host", "y"}}, "400"},
      {"host alone", {{":authority", ""}, {"host", "y"}}, "GET /|host: y"},
      {"no host", {{":authority", ""}}, "400"},
      {"two hosts", {{":authority", ""}, {"host", "y"}, {"host", "y"}}, "400"},
      {"user in the authority", {{":authority", "me@x"}}, "400"},
      {"blank in the authority", {{":authority", "x y"}}, "400"},
      {"options of all", {{":method", "OPTIONS"}, {":path", "*"}}, "OPTIONS *|host: x"},
      {"asterisk otherwise", {{":path", "*"}}, "400"},
      {"no path", {{":path", ""}}, "400"},
      {"blank in the path", {{":path", "/a b"}}, "400"},
      {"line end in the path", {{":path", "/a\r\nX: y"}}, "400"},
      {"connect", {{":method", "CONNECT"}, {":path", ""}}, "400"},
      {"method that is no token", {{":method", "GE T"}}, "400"},
      {"other scheme", {{":scheme", "ftp"}}, "400"},
      {"https", {{":scheme", "https"}}, "GET /|host: x"},
      {"line end in a value", {{"a", "b\r\nX: y"}}, "400"},
      {"NUL in a value", {{"a", std::string("b\0c", 3)}}, "400"},
      {"blank around a value", {{"a", " b"}}, "400"},
      {"name that is no token", {{"a b", "c"}}, "400"},
      {"two lengths", {{"content-length", "1"}, {"content-length", "1"}}, "400"},
      {"length that is no number", {{"content-length", "+1"}}, "400"},
  };
  for (const auto& c : cases) EXPECT_EQ(read(with_pseudo(c.fields)), c.wants) << c.name;
}

TEST(Http2Head, BoundsTable) {
  const Fields field{{"a", std::string(100, 'b')}};
  // Four pseudo fields of 7+3, 7+4, 10+1 and 5+1 bytes, one of 101, and 32 for each.
  const std::size_t exact = 10 + 11 + 11 + 6 + 101 + 5 * 32;
  EXPECT_EQ(read(with_pseudo(field), exact), "GET /|host: x|a: " + std::string(100, 'b'));
  EXPECT_EQ(read(with_pseudo(field), exact - 1), "431");
  Fields many;
  for (int i = 0; i < 1001; ++i) many.emplace_back("a", "");
  EXPECT_EQ(read(with_pseudo(many), 1 << 20), "431");
  many.pop_back();
  EXPECT_NE(read(with_pseudo(many), 1 << 20), "431");
}

}  // namespace
}  // namespace llama_swap::net
