#include "server/json_scan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace llama_swap::server {
namespace {

// "model 'm' <its bytes in the document>", then " stream" if streaming; "none" instead of the model
// if there is none.
std::string scan(std::string_view document, std::size_t step = std::string_view::npos) {
  JsonScan scan;
  for (std::size_t at = 0; at < document.size(); at += std::min(step, document.size() - at)) {
    // Memory of its own, so that reading past a piece is noticed.
    const std::string piece(document.substr(at, step));
    scan.feed(piece);
  }
  scan.finish();
  EXPECT_TRUE(scan.done());
  std::string out = "none";
  if (!scan.model().empty()) {
    const ByteSpan span = scan.model_span();
    out = "model '" + scan.model() + "' <" +
          std::string(document.substr(span.offset, span.length)) + '>';
  } else {
    EXPECT_EQ(scan.model_span(), ByteSpan());
  }
  return out + (scan.streaming() ? " stream" : "");
}

struct Case {
  std::string_view document;
  std::string_view want;
};

void expect_all(const Case* begin, const Case* end) {
  for (const Case* c = begin; c != end; ++c) {
    SCOPED_TRACE(c->document);
    EXPECT_EQ(scan(c->document), c->want);
    for (std::size_t step = 1; step < c->document.size(); ++step)
      EXPECT_EQ(scan(c->document, step), c->want) << "step " << step;
  }
}

TEST(JsonScan, FindsMembers) {
  static const Case cases[] = {
      {R"({"model":"a"})", "model 'a' <\"a\">"},
      {R"( { "model" : "a b" , "stream" : true } )", "model 'a b' <\"a b\"> stream"},
      {R"({"stream":true,"messages":[{"role":"user"}],"model":"m"})", "model 'm' <\"m\"> stream"},
      {"\xef\xbb\xbf{\"model\":\"a\"}", "model 'a' <\"a\">"},
      {R"({"stream":true})", "none stream"},
      {R"({})", "none"},
      {R"({"model":""})", "none"},
      {R"({"Model":"a","models":"b","mode":"c"," model":"d"})", "none"},
      // nothing but the top level
      {R"({"a":{"model":"x","stream":true},"b":[{"model":"y"}]})", "none"},
      {R"({"a":[[{"b":["}]",{"c":"\"}"}]}]],"model":"m"})", "model 'm' <\"m\">"},
      {R"({"a":"\"model\":\"x\"","model":"m"})", "model 'm' <\"m\">"},
      {R"({"a":"\\","model":"m"})", "model 'm' <\"m\">"},
      {R"({"a\"":1,"model":"m"})", "model 'm' <\"m\">"},
      // the first counts
      {R"({"model":"a","model":"b"})", "model 'a' <\"a\">"},
      {R"({"model":null,"model":"b"})", "none"},
      {R"({"stream":false,"stream":true})", "none"},
      // not objects
      {R"([{"model":"a"}])", "none"},
      {R"("{\"model\":1}")", "none"},
      {R"(12)", "none"},
      {R"(null)", "none"},
      {"", "none"},
      {"  \n", "none"},
      {R"(model=x)", "none"},
  };
  expect_all(std::begin(cases), std::end(cases));
}

TEST(JsonScan, ValuesOfModel) {
  static const Case cases[] = {
      {R"({"model":123})", "model '123' <123>"},
      {R"({"model": -1.5e3 })", "model '-1.5e3' <-1.5e3>"},
      {R"({"model":true})", "model 'true' <true>"},
      {R"({"model":false,"a":1})", "model 'false' <false>"},
      {R"({"model":null})", "none"},
      {R"({"model":"null"})", "model 'null' <\"null\">"},
      {R"({"model":{"a":[1,"}"]}})", "model '{\"a\":[1,\"}\"]}' <{\"a\":[1,\"}\"]}>"},
      {R"({"model":["a\"]"] })", "model '[\"a\\\"]\"]' <[\"a\\\"]\"]>"},
      {R"({"model":" A "})", "model ' A ' <\" A \">"},
      {R"({"model":"a\/b\\c\"d"})", "model 'a/b\\c\"d' <\"a\\/b\\\\c\\\"d\">"},
      {R"({"model":"\u0061\u00e9\u20ac\ud83d\ude00"})",
       "model 'a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80' <\"\\u0061\\u00e9\\u20ac\\ud83d\\ude00\">"},
      {R"({"model":"\b\f\n\r\t"})", "model '\b\f\n\r\t' <\"\\b\\f\\n\\r\\t\">"},
      {R"({"model":"\ud83dx\ude00"})", "model '\xef\xbf\xbdx\xef\xbf\xbd' <\"\\ud83dx\\ude00\">"},
      {R"({"model":"\ud83d\u0041"})", "model '\xef\xbf\xbd\x41' <\"\\ud83d\\u0041\">"},
      {R"({"model":"\u12zz\q"})", "model 'u12zzq' <\"\\u12zz\\q\">"},
      {R"({"\u006dod\u0065l":"a"})", "model 'a' <\"a\">"},
      {R"({"\u006d\u006f\u0064\u0065\u006c":"a"})", "model 'a' <\"a\">"},
      {R"({"\u0073\u0074\u0072\u0065\u0061\u006d":true})", "none stream"},
      {R"({"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxmodel":"a"})", "none"},
  };
  expect_all(std::begin(cases), std::end(cases));
}

TEST(JsonScan, ValuesOfStream) {
  for (const std::string_view value : {"true", "1", "-2", "0.5", "1e0", "10", R"("true")",
                                       R"("TRUE")", R"("t")", R"("T")", R"("1")", R"("\u0074rue")"})
    EXPECT_EQ(scan(R"({"stream":)" + std::string(value) + "}"), "none stream") << value;
  for (const std::string_view value :
       {"false", "null", "0", "-0", "0.0", "0e5", R"("false")", R"("")", R"("yes")", R"("0")",
        R"("2")", "[true]", R"({"a":true})", "True", "t", ""})
    EXPECT_EQ(scan(R"({"stream":)" + std::string(value) + "}"), "none") << value;
}

TEST(JsonScan, BrokenDocuments) {
  static const Case cases[] = {
      // cut off
      {R"({"model":"a")", "model 'a' <\"a\">"},
      {R"({"model":"a","messages":[{"x)", "model 'a' <\"a\">"},
      {R"({"model":12)", "model '12' <12>"},
      {R"({"model":"a)", "none"},
      {R"({"model":"a\)", "none"},
      {R"({"model":["a")", "none"},
      {R"({"model":)", "none"},
      {R"({"model")", "none"},
      {R"({"mod)", "none"},
      {R"({"stream":true)", "none stream"},
      // wrong
      {R"({"model":,"stream":true})", "none stream"},
      {R"({"model"})", "none"},
      {R"({"a" "b","model":"m"})", "model 'm' <\"m\">"},
      {R"({"a"::1,,"model":"m",})", "model 'm' <\"m\">"},
      {R"({a:1,"model":"m"})", "model 'm' <\"m\">"},
      {R"({{"model":"x"},"model":"m"})", "model 'm' <\"m\">"},
      {R"({"a":1]"model":"m"})", "model 'm' <\"m\">"},
      {R"({"a":]1,"model":"m"})", "model 'm' <\"m\">"},
      {R"({"model":"a"} {"stream":true})", "model 'a' <\"a\">"},
      {R"(garbage {"model":"a"})", "model 'a' <\"a\">"},
      {"{\"a\":\"line\nbreak\",\"model\":\"\x01\xff\"}", "model '\x01\xff' <\"\x01\xff\">"},
  };
  expect_all(std::begin(cases), std::end(cases));
}

TEST(JsonScan, StopsEarly) {
  JsonScan scan;
  scan.feed(R"({"model":"a",)");
  EXPECT_FALSE(scan.done());
  EXPECT_EQ(scan.model(), "a");
  scan.feed(R"("stream":true,"messages)");
  EXPECT_TRUE(scan.done());
  scan.feed(R"(":[],"model":"b"})");
  scan.finish();
  EXPECT_EQ(scan.model(), "a");

  JsonScan over;
  over.feed(R"({"a":1} )");
  EXPECT_TRUE(over.done());
}

TEST(JsonScan, BoundsOfTheValue) {
  const std::string fits(JsonScan::kMaxValue, 'x');
  EXPECT_EQ(scan(R"({"model":")" + fits + R"("})", 1000),
            "model '" + fits + "' <\"" + fits + "\">");
  EXPECT_EQ(scan(R"({"model":")" + fits + R"(x","stream":true})", 1000), "none stream");
  EXPECT_EQ(scan(R"({"model":[)" + fits + R"(],"model":"b","stream":1})", 1000), "none stream");
}

TEST(JsonScan, OffsetsAreOfTheWholeDocument) {
  const std::string document =
      R"({"messages":[")" + std::string(100'000, 'x') + R"("],"model":"m"})";
  JsonScan scan;
  for (std::size_t at = 0; at < document.size(); at += 4096)
    scan.feed(std::string_view(document).substr(at, 4096));
  scan.finish();
  EXPECT_EQ(document.substr(scan.model_span().offset, scan.model_span().length), "\"m\"");
}

}  // namespace
}  // namespace llama_swap::server
