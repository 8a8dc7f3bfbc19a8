#include "usage/event_scanner.h"

#include <gtest/gtest.h>

#include <vector>

#include "usage/test_support.h"

namespace llama_swap::usage {
namespace {

struct Seen {
  std::uint64_t events = 0;
  std::uint64_t tokens = 0;
  std::optional<Figures> figures;
  bool operator==(const Seen&) const = default;
};

void PrintTo(const Seen& seen, std::ostream* out) {
  *out << seen.events << " events, " << seen.tokens << " with content; "
       << testing::PrintToString(seen.figures);
}

Seen scan(std::string_view stream, std::size_t piece) {
  EventScanner scanner;
  Seen seen;
  while (!stream.empty()) {
    const std::string now(stream.substr(0, piece));
    stream.remove_prefix(now.size());
    seen.tokens += scanner.feed(now);
  }
  seen.tokens += scanner.finish();
  seen.events = scanner.events();
  seen.figures = original(scanner.figures());
  return seen;
}

Figures counts(std::int64_t input, std::int64_t output, std::int64_t cached = -1) {
  return {.input = input, .output = output, .cached = cached};
}

struct Case {
  const char* name;
  std::string stream;
  Seen expected;
};

std::vector<Case> cases() {
  const std::string usage = R"("usage":{"prompt_tokens":3,"completion_tokens":4})";
  const std::string content = R"(data: {"choices":[{"delta":{"content":"Hi"}}],"usage":null})";
  const std::string large = R"("text":")" + std::string(1'000'000, 'x') + R"( \"usage\":{} ")";
  return {
      {"nothing", "", {}},
      {"no figures", content + "\n\n" + content + "\n\ndata: [DONE]\n\n", {2, 2, {}}},
      {"OpenAI, include_usage",
       R"(data: {"choices":[{"delta":{"role":"assistant","content":""}}],"usage":null})"
       "\n\n" +
           content + "\n\n" + content + "\n\ndata: {\"choices\":[]," + usage +
           "}\n\ndata: [DONE]\n\n",
       {4, 2, counts(3, 4)}},
      {"the last event without its end",
       content + "\n\ndata: {" + usage + "}",
       {2, 1, counts(3, 4)}},
      {"an event that is cut off",
       content + "\n\ndata: {" + usage + ",\"x\":\"y",
       {2, 1, counts(3, 4)}},
      {"figures that are cut off",
       content + "\n\ndata: {\"usage\":{\"prompt_tokens\":3",
       {2, 2, {}}},
      {"CRLF", content + "\r\n\r\ndata: {" + usage + "}\r\n\r\n", {2, 1, counts(3, 4)}},
      {"CR", content + "\r\rdata: {" + usage + "}\r\r", {2, 1, counts(3, 4)}},
      {"no space after data:", "data:{" + usage + "}\n\n", {1, 0, counts(3, 4)}},
      {"more space", "  data: \t {" + usage + "} \n\n", {1, 0, counts(3, 4)}},
      {"space before the value",
       "data: {\"usage\" : {\"prompt_tokens\" :9}}\n",
       {1, 0, counts(9, 0)}},
      {"other fields and comments",
       ": {" + usage + "}\nevent: {" + usage + "}\nid: 3\ndata\nretry: 5\n\ndatas: {" + usage +
           "}\n",
       {}},
      {"data that is no object",
       "data: [{" + usage + "}]\n\ndata: x {" + usage + "}\n\ndata: \n\n",
       {2, 0, {}}},
      {"data in several lines is not joined",
       "data: {\"usage\":\ndata: {\"prompt_tokens\":3}}\n\n",
       {2, 0, {}}},
      {"in what the model says",
       R"(data: {"choices":[{"delta":{"content":"\"usage\":{\"prompt_tokens\":3}"}}]})"
       "\n\n",
       {1, 1, {}}},
      {"elsewhere in the event",
       R"(data: {"x":{"usage":{"prompt_tokens":3}},"choices":[{"timings":{"prompt_n":3}}]})"
       "\n\n",
       {1, 0, {}}},
      {"with every event",
       R"(data: {"delta":"a","usage":{"prompt_tokens":3,"completion_tokens":1}})"
       "\n\n"
       R"(data: {"delta":"b","usage":{"prompt_tokens":3,"completion_tokens":2}})"
       "\n\n",
       {2, 2, counts(3, 2)}},
      {"Anthropic",
       "event: message_start\n"
       R"(data: {"type":"message_start","message":{"id":"m","content":[],"usage":)"
       R"({"input_tokens":25,"cache_read_input_tokens":7,"output_tokens":1}}})"
       "\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\nevent: content_block_delta\n"
       R"(data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}})"
       "\n\nevent: message_delta\n"
       R"(data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},)"
       R"("usage":{"output_tokens":15}})"
       "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
       {5, 2, counts(25, 15, 7)}},
      {"responses API, timings beside response",
       R"(data: {"type":"response.output_text.delta","delta":"Hi"})"
       "\n\n"
       R"(data: {"type":"response.completed","response":{"output":[{"content":[{)" +
           large +
           R"(}]}],"usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":1},)"
           R"("output_tokens":4}},"timings":{"prompt_n":2,"predicted_n":4}})"
           "\n\n",
       {2, 2, Figures{2, 4, 1, -1, -1, 0, 0, {}, {}, {}, {}}}},
      {"llama.cpp without usage",
       R"(data: {"content":"Hi","stop":false})"
       "\n\n"
       R"(data: {"content":"","stop":true,"timings":{"prompt_n":5,"prompt_per_second":2.5,)"
       R"("predicted_n":6,"predicted_per_second":3.5,"predicted_ms":12}})"
       "\n\n",
       {2, 1, Figures{5, 6, -1, -1, -1, 2.5, 3.5, util::Millis(12), {}, {}, {}}}},
      {"vLLM metrics",
       "data: {\"choices\":[]," + usage +
           R"(,"metrics":{"mean_itl_ms":4}})"
           "\n\n",
       {1, 0, Figures{3, 4, -1, -1, -1, -1, 250, {}, {}, {}, {}}}},
      {"large events before, between and after",
       "data: {" + large + "}\n\ndata: {" + large + "," + usage + "," + R"("y":[)" +
           std::string(100'000, '[') + "\n\nevent: " + std::string(100'000, 'x') +
           "\n\ndata: " + std::string(100'000, 'x') + "\n\n" + content + "\n\n",
       {4, 4, counts(3, 4)}},
  };
}

TEST(EventScanner, TableInPiecesOfAnySize) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    for (const std::size_t piece : {std::string::npos, std::size_t{65536}, std::size_t{4097},
                                    std::size_t{4096}, std::size_t{61}, std::size_t{1}}) {
      const Seen seen = scan(c.stream, piece);
      EXPECT_EQ(seen, c.expected) << piece;
    }
  }
}

TEST(EventScanner, CutAnywhere) {
  for (const Case& c : cases()) {
    if (c.stream.size() > 2000) continue;
    SCOPED_TRACE(c.name);
    for (std::size_t cut = 0; cut <= c.stream.size(); ++cut) {
      EventScanner scanner;
      std::uint64_t tokens = scanner.feed(std::string_view(c.stream).substr(0, cut));
      tokens += scanner.feed(std::string_view(c.stream).substr(cut));
      tokens += scanner.finish();
      EXPECT_EQ((Seen{scanner.events(), tokens, original(scanner.figures())}), c.expected) << cut;
    }
  }
}

TEST(EventScanner, KeyWordsAtEveryPlaceOfALine) {
  for (int before = 0; before < 40; ++before)
    for (int after = 0; after < 20; ++after) {
      const std::string line = "data: {\"" + std::string(before, 'x') +
                               "\":1,\"usage\":{\"prompt_tokens\":3}}" + std::string(after, ' ') +
                               "\n";
      EXPECT_EQ(scan(line, std::string::npos).figures, counts(3, 0)) << before << " " << after;
    }
}

TEST(EventScanner, KeepsLittleWhateverComes) {
  EventScanner scanner;
  const std::string value(30'000, 'x');
  for (int i = 0; i < 50; ++i) {
    scanner.feed("data: {\"timings\":{\"a\":\"" + value + "\"},\"metrics\":{\"a\":\"");
    scanner.feed(value + "\"},\"usage\":{\"a\":\"");
    scanner.feed(value.substr(0, 16'000) + "\"}");
    scanner.feed(value);
    if (i % 2 == 0) scanner.feed("\n");
    EXPECT_LT(scanner.kept_bytes(), 300'000u);
  }
}

}  // namespace
}  // namespace llama_swap::usage
