#include "usage/meter.h"

#include <gtest/gtest.h>

#include "usage/test_support.h"

namespace llama_swap::usage {
namespace {

using std::chrono::milliseconds;

util::Time at(int ms) {
  return util::Time(milliseconds(ms));
}

constexpr const char* kEvents = "text/event-stream";
constexpr const char* kJson = "application/json";
const std::string kUsage = R"("usage":{"prompt_tokens":3,"completion_tokens":4})";

struct Case {
  const char* name;
  AnswerHead head;
  std::string body;
  Ending ending;
  std::optional<std::pair<int, int>> figures;  // input and output
  std::string error_msg;
};

std::vector<Case> cases() {
  const auto head = [](int status, const char* reason, const char* type, const char* coding = "") {
    return AnswerHead{"/v1/chat/completions", status, reason, type, coding};
  };
  const auto ok = [&](const char* type, const char* coding = "") {
    return head(200, "OK", type, coding);
  };
  const auto complete = Ending::complete;
  const std::string document = "{\"choices\":[]," + kUsage + "}";
  const std::string event = "data: " + document + "\n\n";
  const std::string wrong = R"({"error":{"message":"no such thing"}})";
  const std::pair<int, int> found(3, 4);
  AnswerHead infill = ok(kJson);
  infill.request_path = "/infill";
  return {
      {"document", ok(kJson), document, complete, found, ""},
      {"document of any type", ok("text/plain"), document, complete, found, ""},
      {"document without a type", ok(""), "\xef\xbb\xbf \r\n" + document, complete, found, ""},
      {"document without figures", ok(kJson), "{\"text\":\"Hi\"}", complete, {}, ""},
      {"array", ok(kJson), "[" + document + "]", complete, {}, ""},
      {"infill array", infill, R"([{"timings":{"prompt_n":1}},{"timings":{"prompt_n":2}}])",
       complete, std::pair(2, 0), ""},
      {"infill object", infill, document, complete, found, ""},
      {"stream", ok(kEvents), event + "data: [DONE]\n\n", complete, found, ""},
      {"stream with parameters", ok("Text/Event-Stream; charset=utf-8"), event, complete, found,
       ""},
      {"stream that does not say so", ok(kJson), event, complete, {}, ""},
      {"stream without figures", ok(kEvents), "data: {\"delta\":\"Hi\"}\n\n", complete, {}, ""},
      {"audio", ok("audio/mpeg"), "ID3" + document, complete, {}, ""},
      {"nothing", ok(kJson), "", complete, {}, ""},
      {"stream of nothing", ok(kEvents), "", complete, {}, ""},

      {"gzip document", ok(kJson, "gzip"), encoded("gzip", document), complete, found, ""},
      {"deflate document", ok(kJson, "deflate"), encoded("deflate", document), complete, found, ""},
      {"raw deflate document", ok(kJson, "deflate"), encoded("raw", document), complete, found, ""},
      {"br stream", ok(kEvents, "br"), encoded("br", event), complete, found, ""},
      {"zstd stream", ok(kEvents, "zstd"), encoded("zstd", event), complete, found, ""},
      {"both", ok(kEvents, "gzip, br"), encoded("br", encoded("gzip", event)), complete, found, ""},
      {"coding that is not known", ok(kJson, "compress"), document, complete, found, ""},
      {"nothing, encoded", ok(kJson, "gzip"), "", complete, {}, ""},
      {"not gzip",
       ok(kJson, "gzip"),
       document,
       complete,
       {},
       "response decompression failed: incorrect header check"},
      {"half of it", ok(kEvents, "gzip"),
       encoded("gzip", event + std::string(1000, 'x')).substr(0, 80), complete, found,
       "response decompression failed: unexpected end of the body"},
      {"cut off and encoded", ok(kEvents, "gzip"),
       encoded("gzip", event + std::string(1000, 'x')).substr(0, 80), Ending::broken, found,
       "the response broke off"},

      {"stream that broke off", ok(kEvents), event + "data: {\"del", Ending::broken, found,
       "the response broke off"},
      {"cancelled stream",
       ok(kEvents),
       "data: {\"delta\":\"Hi\"}\n\n",
       Ending::cancelled,
       {},
       "the request was cancelled"},
      {"document that broke off", ok(kJson), "{" + kUsage + ",\"x\":\"y", Ending::broken, found,
       "the response broke off"},

      {"created", head(201, "Created", kJson), document, complete, found, ""},
      {"no content", head(204, "No Content", ""), "", complete, {}, ""},
      {"failure", head(404, "Not Found", kJson), wrong, complete, {}, "no such thing"},
      {"failure that broke off",
       head(500, "Internal Server Error", kJson),
       wrong,
       Ending::broken,
       {},
       "no such thing"},
      {"failure, encoded",
       head(404, "Not Found", kJson, "gzip"),
       encoded("gzip", wrong),
       complete,
       {},
       "no such thing"},
      {"failure with figures",
       head(503, "Service Unavailable", kJson),
       document,
       complete,
       {},
       "503 Service Unavailable"},
      {"failure without a body", head(502, "Bad Gateway", ""), "", complete, {}, "502 Bad Gateway"},
      {"failure in HTML",
       head(502, "Bad Gateway", "text/html"),
       "<html>",
       complete,
       {},
       "502 Bad Gateway"},
      {"status that is not known", head(599, "", kJson), "", complete, {}, "HTTP 599"},
      {"redirection", head(302, "Found", ""), "", complete, {}, "302 Found"},
      {"failure, not gzip",
       head(404, "Not Found", kJson, "gzip"),
       wrong,
       complete,
       {},
       "response decode failed: incorrect header check"},
      {"failure, half of it",
       head(404, "Not Found", kJson, "gzip"),
       encoded("gzip", wrong).substr(0, 20),
       complete,
       {},
       "response decode failed: unexpected end of the body"},
  };
}

void expect(const Result& result, const Case& c) {
  EXPECT_EQ(result.ending, c.ending);
  EXPECT_EQ(result.error_msg, c.error_msg);
  EXPECT_EQ(result.body_bytes, c.body.size());
  ASSERT_EQ(result.figures.has_value(), c.figures.has_value());
  if (!c.figures) return;
  EXPECT_EQ(result.figures->input, c.figures->first);
  EXPECT_EQ(result.figures->output, c.figures->second);
}

TEST(Meter, Table) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    Meter meter(c.head);
    meter.feed(c.body, at(0));
    expect(meter.finish(c.ending), c);
  }
}

TEST(Meter, CutAnywhere) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    for (std::size_t cut = 1; cut < c.body.size(); ++cut) {
      Meter meter(c.head);
      meter.feed(std::string_view(c.body).substr(0, cut), at(0));
      meter.feed(std::string_view(c.body).substr(cut), at(0));
      expect(meter.finish(c.ending), c);
    }
  }
}

TEST(Meter, Unreadable) {
  const auto unreadable = [](const char* type, std::string_view body) {
    Meter meter({"/v1/audio/speech", 200, "OK", type, ""});
    meter.feed(body, at(0));
    return meter.finish(Ending::complete).unreadable;
  };
  EXPECT_TRUE(unreadable("audio/mpeg", "ID3"));
  EXPECT_FALSE(unreadable(kJson, "{}"));
  EXPECT_FALSE(unreadable(kJson, ""));
  EXPECT_FALSE(unreadable(kEvents, "x"));
}

TEST(Meter, BombsAreRefused) {
  Meter meter({"/v1/x", 200, "OK", kEvents, "gzip"}, {1000, 10});
  meter.feed(encoded("gzip", std::string(1'000'000, 'x')), at(0));
  const Result result = meter.finish(Ending::complete);
  EXPECT_TRUE(result.decode_failed);
  EXPECT_EQ(result.error_msg,
            "response decompression failed: more than 10 times as large when decoded");
}

TEST(Meter, TimesOfAStream) {
  const std::string role = "data: {\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}\n\n";
  const std::string token = "data: {\"delta\":{\"content\":\"Hi\"}}\n\n";
  Meter meter({"/v1/chat/completions", 200, "OK", kEvents, ""});
  meter.feed(role, at(100));
  meter.feed(token, at(300));
  meter.feed(token, at(310));
  meter.feed(token + token, at(350));
  meter.feed(token.substr(0, 10), at(355));
  meter.feed(token.substr(10), at(360));
  meter.feed("data: {" + kUsage + "}\n\n", at(900));
  meter.feed("data: [DONE]\n\n", at(901));
  const Result result = meter.finish(Ending::complete);
  EXPECT_EQ(result.timing.first_byte, at(100));
  EXPECT_EQ(result.timing.first_token, at(300));
  EXPECT_EQ(result.timing.last_token, at(360));
  EXPECT_EQ(result.timing.last_byte, at(901));
  EXPECT_EQ(result.timing.token_events, 5u);
  EXPECT_EQ(result.timing.max_gap, milliseconds(40));
  EXPECT_EQ(result.timing.mean_gap(), milliseconds(15));
  EXPECT_EQ(result.events, 7u);
  EXPECT_EQ(result.figures->tokens_per_second, -1);
  EXPECT_DOUBLE_EQ(measured_tokens_per_second(result).value(), 3 / 0.06);
}

TEST(Meter, TimesWithoutContentWeKnow) {
  Meter meter({"/v1/x", 200, "OK", kEvents, ""});
  meter.feed(": hello\n\n", at(1));
  meter.feed("data: {\"something\":\"new\"}\n\n", at(2));
  meter.feed("data: {\"something\":\"else\"}\n\n", at(3));
  const Result result = meter.finish(Ending::complete);
  EXPECT_EQ(result.timing.first_byte, at(1));
  EXPECT_EQ(result.timing.first_token, at(2));
  EXPECT_EQ(result.timing.token_events, 0u);
  EXPECT_EQ(result.timing.mean_gap().count(), 0);
  EXPECT_FALSE(measured_tokens_per_second(result));
}

TEST(Meter, TimesOfADocument) {
  Meter meter({"/v1/x", 200, "OK", kJson, ""});
  meter.feed("{", at(5));
  meter.feed("", at(6));
  meter.feed("}", at(7));
  const Result result = meter.finish(Ending::complete);
  EXPECT_EQ(result.timing.first_byte, at(5));
  EXPECT_EQ(result.timing.last_byte, at(7));
  EXPECT_FALSE(result.timing.first_token);
}

}  // namespace
}  // namespace llama_swap::usage
