#include "server/json_edit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "util/text.h"

namespace llama_swap::server {
namespace {

// "key=json" sets, "-key" removes.
JsonEdit parse_edit(std::string_view text) {
  JsonEdit edit;
  const auto equals = text.find('=');
  if (equals != std::string_view::npos) edit.value = text.substr(equals + 1);
  edit.key = edit.value ? text.substr(0, equals) : text.substr(1);
  edit.path = util::parse_json_path(edit.key).value();
  return edit;
}

// The edited document; "error <number of the edit>: <reason>". Edits are separated by spaces.
std::string edited(std::string_view document, std::string_view edits,
                   std::size_t step = std::string_view::npos) {
  std::deque<JsonEdit> list;
  std::vector<const JsonEdit*> pointers;
  for (const std::string_view text : util::split(edits, ' '))
    pointers.push_back(&list.emplace_back(parse_edit(text)));
  JsonEditor editor(pointers);
  for (std::size_t at = 0; at < document.size(); at += std::min(step, document.size() - at)) {
    // Memory of its own, so that reading past a piece is noticed.
    const std::string piece(document.substr(at, step));
    editor.feed(piece);
  }
  const auto splices = editor.finish();
  if (!splices)
    return "error " + std::to_string(splices.error().edit) + ": " + splices.error().reason;
  std::uint64_t end = 0;
  for (const net::Splice& splice : *splices) {
    EXPECT_GE(splice.offset, end);
    EXPECT_TRUE(splice.length > 0 || !splice.text.empty());
    end = splice.offset + splice.length;
  }
  EXPECT_LE(end, document.size());
  return spliced(document, *splices);
}

struct Case {
  std::string_view document;
  std::string_view edits;
  std::string_view want;
};

template <std::size_t N>
void expect_all(const Case (&cases)[N]) {
  for (const Case& c : cases) {
    SCOPED_TRACE(std::string(c.document) + "   " + std::string(c.edits));
    EXPECT_EQ(edited(c.document, c.edits), c.want);
    for (std::size_t step = 1; step < c.document.size(); ++step)
      EXPECT_EQ(edited(c.document, c.edits, step), c.want) << "step " << step;
  }
}

constexpr std::string_view kNotObject = "error 0: the body is not a JSON object";
constexpr std::string_view kBroken = "error 0: the body is cut off or broken JSON";

TEST(JsonEdit, SetsMembers) {
  static const Case cases[] = {
      {R"({"a":1,"b":2})", "a=9", R"({"a":9,"b":2})"},
      {R"({"a":1,"b":2})", "b=9", R"({"a":1,"b":9})"},
      {R"({"a":1,"b":2})", "c=9", R"({"a":1,"b":2,"c":9})"},
      {R"({})", "a=1", R"({"a":1})"},
      {R"( { } )", "a=1", R"( {"a":1 } )"},
      {"{ \"a\" : 1 }\n", "b=2 a=null", "{ \"a\" : null,\"b\":2 }\n"},
      {R"({"a":{"x":[1,{"y":2}]},"b":2})", "a=0", R"({"a":0,"b":2})"},
      {R"({"a":"x"})", R"(a="\u0041")", R"({"a":"\u0041"})"},
      {R"({"\u0061":1})", "a=2", R"({"\u0061":2})"},
      {R"({"a":1,"a":2,"a":3})", "a=9", R"({"a":9,"a":2,"a":3})"},
      {R"({"":1})", R"(:=2)", R"({"":2})"},
      {R"({"x":1})", "a\\.b=2", R"({"x":1,"a.b":2})"},
      {R"({"x":1})", "a\"b=2", R"({"x":1,"a\"b":2})"},
      // numbers, spellings and unknown escapes that nothing touches
      {R"({"n":12345678901234567890.10E+05,"s":"\q\/","a":1 ,"n" : 0.10})", "a=2",
       R"({"n":12345678901234567890.10E+05,"s":"\q\/","a":2 ,"n" : 0.10})"},
  };
  expect_all(cases);
}

TEST(JsonEdit, GoesIntoObjects) {
  static const Case cases[] = {
      {R"({"a":{"b":1,"c":2}})", "a.b=9", R"({"a":{"b":9,"c":2}})"},
      {R"({"a":{"b":1}})", "a.c=9", R"({"a":{"b":1,"c":9}})"},
      {R"({"a":{ }})", "a.c=9", R"({"a":{"c":9 }})"},
      {R"({"x":1})", "a.b.c=9", R"({"x":1,"a":{"b":{"c":9}}})"},
      {R"({"a":{"b":{"x":1}}})", "a.b.c=9", R"({"a":{"b":{"x":1,"c":9}}})"},
      // in the way
      {R"({"a":1})", "a.b=9", R"({"a":{"b":9}})"},
      {R"({"a":null,"z":0})", "a.b.c=9", R"({"a":{"b":{"c":9}},"z":0})"},
      {R"({"a":"{\"b\":1}"})", "a.b=9", R"({"a":{"b":9}})"},
      {R"({"a":{"b":true}})", "a.b.c=9", R"({"a":{"b":{"c":9}}})"},
      // the first of its name
      {R"({"a":{"b":1},"a":{"b":2}})", "a.b=9", R"({"a":{"b":9},"a":{"b":2}})"},
      // nothing but the path
      {R"({"c":{"b":1},"a":{"d":{"b":2}},"b":3})", "a.b=9",
       R"({"c":{"b":1},"a":{"d":{"b":2},"b":9},"b":3})"},
      // digits are a name in an object
      {R"({"a":{"0":1}})", "a.0=9", R"({"a":{"0":9}})"},
      {R"({"a":{}})", "a.3=9", R"({"a":{"3":9}})"},
      {R"({"a":{}})", "a.-1=9", R"({"a":{"-1":9}})"},
      {R"({"a":1})", "a.0=9", R"({"a":{"0":9}})"},
      {R"({})", "0=9", R"({"0":9})"},
      {R"({})", "-1.x=9", R"({"-1":{"x":9}})"},
      {R"({})", "a.:0=9", R"({"a":{"0":9}})"},
      {R"({})", "a.:-1=9", R"({"a":{"-1":9}})"},
  };
  expect_all(cases);
}

TEST(JsonEdit, GoesIntoArrays) {
  static const Case cases[] = {
      {R"({"a":[1,2,3]})", "a.1=9", R"({"a":[1,9,3]})"},
      {R"({"a":[1,2,3]})", "a.3=9", R"({"a":[1,2,3,9]})"},
      {R"({"a":[ 1 ]})", "a.3=9", R"({"a":[ 1,null,null,9 ]})"},
      {R"({"a":[]})", "a.1=9", R"({"a":[null,9]})"},
      {R"({"a":[]})", "a.0=9", R"({"a":[9]})"},
      {R"({"a":[1,2]})", "a.-1=9", R"({"a":[1,2,9]})"},
      {R"({"a":[ ]})", "a.-1=9", R"({"a":[9 ]})"},
      {R"({"a":[{"b":1},{"b":2}]})", "a.1.b=9", R"({"a":[{"b":1},{"b":9}]})"},
      {R"({"a":[{"b":1}]})", "a.-1.b=9", R"({"a":[{"b":1},{"b":9}]})"},
      {R"({"a":[1]})", "a.0.b=9", R"({"a":[{"b":9}]})"},
      {R"({"a":[[1],[2]]})", "a.1.0=9", R"({"a":[[1],[9]]})"},
      // made where there is none
      {R"({})", "a.0=9", R"({"a":[9]})"},
      {R"({})", "a.2=9", R"({"a":[null,null,9]})"},
      {R"({})", "a.-1=9", R"({"a":[9]})"},
      {R"({})", "a.-1.b.1=9", R"({"a":[{"b":[null,9]}]})"},
      // names are no places
      {R"({"a":[1]})", "x=1 a.b=9", R"(error 1: "b" is no place in an array)"},
      {R"({"a":[1]})", "a.:0=9", R"(error 0: "0" is no place in an array)"},
      {R"({"a":[1]})", "a.-2=9", R"(error 0: "-2" is no place in an array)"},
      {R"({"a":[[1]]})", "a.0.b.c=9", R"(error 0: "b" is no place in an array)"},
      {R"({"a":[1],"b":2})", "-a.b", R"({"a":[1],"b":2})"},
  };
  expect_all(cases);
}

TEST(JsonEdit, Removes) {
  static const Case cases[] = {
      {R"({"a":1,"b":2,"c":3})", "-a", R"({"b":2,"c":3})"},
      {R"({"a":1,"b":2,"c":3})", "-b", R"({"a":1,"c":3})"},
      {R"({"a":1,"b":2,"c":3})", "-c", R"({"a":1,"b":2})"},
      {R"({"a":1,"b":2,"c":3})", "-a -c", R"({"b":2})"},
      {R"({"a":1,"b":2,"c":3})", "-a -b", R"({"c":3})"},
      {R"({"a":1,"b":2,"c":3})", "-b -c", R"({"a":1})"},
      {R"({"a":1,"b":2,"c":3})", "-b -c -a", R"({})"},
      {"{ \"a\" : 1 ,\n \"b\" : 2 ,\n \"c\" : 3 }", "-b", "{ \"a\" : 1 ,\n \"c\" : 3 }"},
      {"{ \"a\" : 1 ,\n \"b\" : 2 }", "-a", "{ \"b\" : 2 }"},
      {"{ \"a\" : 1 }", "-a", "{  }"},
      {R"({"a":1})", "-b -a.b -c.d.e", R"({"a":1})"},
      {R"({"a":{"b":1,"c":2}})", "-a.b", R"({"a":{"c":2}})"},
      {R"({"a":{"b":1}})", "-a.b", R"({"a":{}})"},
      {R"({"a":1,"a":2,"a":3})", "-a", R"({"a":2,"a":3})"},
      {R"({"a":1,"a":2,"a":3})", "-a -a", R"({"a":3})"},
      {R"({"a":1,"a":2,"a":3,"a":4,"a":5})", "-a a=9", R"({"a":9,"a":3,"a":4,"a":5})"},
      {R"({"a":[1,2,3]})", "-a.0", R"({"a":[2,3]})"},
      {R"({"a":[1,2,3]})", "-a.0 -a.0", R"({"a":[3]})"},
      {R"({"a":[1,2,3,4]})", "-a.0 -a.1", R"({"a":[2,4]})"},
      {R"({"a":[1,2,3]})", "-a.-1", R"({"a":[1,2]})"},
      {R"({"a":[1,2,3]})", "-a.-1 -a.-1 -a.-1 -a.-1", R"({"a":[]})"},
      {R"({"a":[1]})", "-a.5", R"({"a":[1]})"},
      {R"({"a":[]})", "-a.-1", R"({"a":[]})"},
      {R"({"a":[{"b":1,"c":2},{"b":3,"c":4}]})", "-a.-1.b", R"({"a":[{"b":1,"c":2},{"c":4}]})"},
      {R"({"a":[{"b":1},{"b":2}]})", "-a.0 -a.0.b", R"({"a":[{}]})"},
      {R"({"a":[0,1,2,3,4,5,6,7,8,9]})", "-a.1 -a.-1", R"({"a":[0,2,3,4,5,6,7,8]})"},
      {R"({"a":{"-1":1}})", "-a.-1", R"({"a":{}})"},
  };
  expect_all(cases);
}

TEST(JsonEdit, OneAfterTheOther) {
  static const Case cases[] = {
      {R"({"a":1,"b":2})", "-a a=9", R"({"b":2,"a":9})"},
      {R"({"a":1,"b":2})", "a=9 -a", R"({"b":2})"},
      {R"({"b":2})", "a=9 -a", R"({"b":2})"},
      {R"({"b":2})", "a=1 a=2", R"({"b":2,"a":2})"},
      {R"({"a":1})", "a=2 a=3", R"({"a":3})"},
      {R"({"a":{"b":1,"c":2}})", "a.b=9 a=0", R"({"a":0})"},
      {R"({"a":{"b":1,"c":2}})", "a={} a.b=9", R"({"a":{"b":9}})"},
      {R"({"a":1})", R"(a={"b":[1,{"c":0.10}]} a.b.1.d=1e3 a.b.-1=2)",
       R"({"a":{"b":[1,{"c":0.10,"d":1e3},2]}})"},
      {R"({})", "a.b=1 a.c=2 -a.b", R"({"a":{"c":2}})"},
      {R"({})", "a.-1=1 a.-1=2 a.0=3", R"({"a":[3,2]})"},
      {R"({"a":[1,2]})", "a.-1=3 a.-1=4 -a.0 a.4=9 -a.-1 -a.1", R"({"a":[2,4,null]})"},
      {R"({"a":[1]})", "a.-1={} a.1.b=2", R"({"a":[1,{"b":2}]})"},
      {R"({"a":[1]})", "a=[] a.b=1", R"(error 1: "b" is no place in an array)"},
      {R"({"a":5})", "a.b=1 a.b.c=2 a.d=3", R"({"a":{"b":{"c":2},"d":3}})"},
      {R"({"m":"x","a":1,"z":3})", "m=\"y\" -a q=1 z=4", R"({"m":"y","z":4,"q":1})"},
      {R"({"a":1,"b":2})", "-a -b c=3", R"({"c":3})"},
      {R"({"a":1,"b":2})", "-b c=3", R"({"a":1,"c":3})"},
      {R"({"a":1,"b":2})", "b=3 c=4 -a", R"({"b":3,"c":4})"},
  };
  expect_all(cases);
}

TEST(JsonEdit, Documents) {
  static const Case cases[] = {
      {"", "a=1", R"({"a":1})"},
      {" \r\n\t", "a.b=1 c=2", R"({"a":{"b":1},"c":2})"},
      {"", "0=1", R"({"0":1})"},
      {"", "-a", ""},
      {"  ", "-a", "  "},
      {"\xef\xbb\xbf{\"a\":1}", "a=2", "\xef\xbb\xbf{\"a\":2}"},
      {R"({"a":1} trailing })", "b=2", R"({"a":1,"b":2} trailing })"},
      {"[1]", "a=1", kNotObject},
      {"[]", "0=1", kNotObject},
      {"\"{}\"", "a=1", kNotObject},
      {"12", "a=1", kNotObject},
      {"null", "-a", kNotObject},
      {"\x1f\x8b gzip", "a=1", kNotObject},
      {R"({"a":1)", "a=2", kBroken},
      {R"({"a":"x)", "a=2", kBroken},
      {R"({"a":[1})", "a.0=2", kBroken},
      {"{", "-a", kBroken},
      // not quite JSON
      {R"({"a":1,})", "b=2", R"({"a":1,"b":2,})"},
      {R"({"a" 1 "b":2})", "b=3", R"({"a" 1 "b":3})"},
      {R"({'b':1,"a":2})", "a=3", R"({'b':1,"a":3})"},
  };
  expect_all(cases);
}

// What lies between the elements that can be meant is one item, whatever its size.
TEST(JsonEdit, LongArrays) {
  std::string elements;
  for (int i = 0; i < 1000; ++i) elements += std::to_string(i) + ",";
  EXPECT_EQ(edited(R"({"a":[)" + elements + "1000]}", "-a.-1 -a.0 a.0=9 a.-1=8 -a.-1 -a.-1"),
            R"({"a":[9)" + elements.substr(3, elements.size() - 3 - 5) + "]}");
  EXPECT_EQ(edited(R"({"a":[)" + elements + "1000]}", "a.1003=9"),
            R"({"a":[)" + elements + "1000,null,null,9]}");
}

TEST(JsonEdit, ManyOfOneName) {
  std::string members;
  for (int i = 0; i < 100; ++i) members += R"("a":)" + std::to_string(i) + ",";
  EXPECT_EQ(edited("{" + members + R"("b":1})", "-a -a a=9 c=2"),
            R"({"a":9,)" + members.substr(3 * 6) + R"("b":1,"c":2})");
}

}  // namespace
}  // namespace llama_swap::server
