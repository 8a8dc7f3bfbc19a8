#include "usage/member_extractor.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace llama_swap::usage {
namespace {

constexpr std::array<Member, 4> kWanted{
    {{"", "usage"}, {"response", "usage"}, {"", "error"}, {"error", "message"}}};
using Texts = std::array<std::string, 4>;
using Array = MemberExtractor::Array;

Texts texts(const MemberExtractor& members) {
  return {members.text(0), members.text(1), members.text(2), members.text(3)};
}

struct Case {
  const char* name;
  std::string document;
  Texts expected;
  Texts as_elements;  // with Array::last_element
};

std::vector<Case> cases() {
  const auto same = [](const char* name, std::string document, const Texts& expected) {
    return Case{name, std::move(document), expected, expected};
  };
  const std::string deep(100'000, '[');
  return {
      same("nothing", "", {}),
      same("empty", "{}", {}),
      same("an object", R"({"usage":{"a":[1,{"b":"}"}]}})", {R"({"a":[1,{"b":"}"}]})"}),
      same("white space is kept", "{ \"usage\" :\t{ \"a\" : 1 }\r\n}", {"{ \"a\" : 1 }"}),
      same("scalars", R"({"usage":null,"error":12.5})", {"null", "", "12.5"}),
      same("strings", R"({"usage":"a\"b","error":""})", {R"("a\"b")", "", "\"\""}),
      same("in a parent", R"({"response":{"id":"x","usage":{"a":1}},"usage":{"b":2}})",
           {R"({"b":2})", R"({"a":1})"}),
      same("a wanted member that may be a parent", R"({"error":{"code":3,"message":"m"}})",
           {"", "", "", "\"m\""}),
      same("deeper is nothing", R"({"x":{"usage":{"a":1}},"response":{"x":{"usage":{}}}})", {}),
      same("deeper in a parent is nothing", R"({"response":{"response":{"usage":{}},"error":1}})",
           {}),
      same("a parent that is no object", R"({"response":[{"usage":{}}],"error":["x"]})",
           {"", "", R"(["x"])"}),
      same("within strings is nothing", R"({"x":"\"usage\":{\"a\":1}","y":"usage"})", {}),
      same("a value that looks like a name", R"({"x":"usage","y":{}})", {}),
      same("the last one counts", R"({"usage":{"a":1},"usage":{"a":2}})", {R"({"a":2})"}),
      same("after large things",
           "{\"x\":\"" + std::string(100'000, 'x') + "\",\"y\":" + deep +
               std::string(100'000, ']') + ",\"usage\":{}}",
           {"{}"}),
      same("too deep and cut off", "{\"y\":" + deep, {}),
      same("a longer name", R"({"usagee":{},"usag":{},"":{},"responses":{"usage":{}}})", {}),
      same("names with escapes", R"({"us\u0061ge":{"a":1}})", {}),
      same("cut in the value", R"({"error":"e","usage":{"a":1)", {"", "", "\"e\""}),
      same("nothing after the object", R"({"error":1} {"usage":{}})", {"", "", "1"}),
      same("not quite JSON", R"({"usage":{a:1,},,"error" "e",})", {"{a:1,}", "", "\"e\""}),
      same("too long an object", "{\"usage\":{\"a\":\"" + std::string(20'000, 'x') + "\"}}", {}),
      same("too long a string", "{\"error\":\"" + std::string(20'000, 'x') + "\",\"usage\":{}}",
           {"{}", "", "\"" + std::string(MemberExtractor::kMaxText, 'x')}),
      {"an array", R"([{"usage":{"a":1}},{"usage":{"a":2}}])", {}, {R"({"a":2})"}},
      {"a last element without", R"([{"usage":{"a":1}},{"x":{"a":2}}])", {}, {}},
      {"a last element that is no object", R"([{"usage":{"a":1}},5])", {}, {}},
      {"elements that are arrays", R"([[{"usage":{"a":1}}],{"usage":{}}])", {}, {"{}"}},
      {"an empty array", "[]", {}, {}},
  };
}

TEST(MemberExtractor, Table) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    MemberExtractor plain(kWanted), elements(kWanted, Array::last_element);
    plain.feed(c.document);
    elements.feed(c.document);
    EXPECT_EQ(texts(plain), c.expected);
    EXPECT_EQ(texts(elements), c.as_elements);
  }
}

TEST(MemberExtractor, PiecesDoNotMatter) {
  for (const Case& c : cases()) {
    if (c.document.size() > 1000) continue;
    SCOPED_TRACE(c.name);
    for (std::size_t cut = 0; cut <= c.document.size(); ++cut) {
      MemberExtractor members(kWanted, Array::last_element);
      members.feed(std::string_view(c.document).substr(0, cut));
      members.feed(std::string_view(c.document).substr(cut));
      EXPECT_EQ(texts(members), c.as_elements) << cut;
    }
    MemberExtractor bytewise(kWanted);
    for (const char& byte : c.document) bytewise.feed({&byte, 1});
    EXPECT_EQ(texts(bytewise), c.expected);
  }
}

TEST(MemberExtractor, OneAfterTheOther) {
  MemberExtractor members(kWanted, Array::last_element);
  for (const Case& c : cases()) {
    members.restart();
    members.feed(c.document);
    EXPECT_EQ(texts(members), c.as_elements) << c.name;
  }
  EXPECT_LT(members.kept_bytes(), 2 * (kWanted.size() + 1) * MemberExtractor::kMaxText);
}

}  // namespace
}  // namespace llama_swap::usage
