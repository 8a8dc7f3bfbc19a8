// Long answers, cut at random: the same result as in one piece, and memory that does not grow.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "usage/meter.h"
#include "usage/test_support.h"

namespace llama_swap::usage {
namespace {

constexpr util::Time kNow{};

std::string event(std::mt19937& random) {
  const std::string text(random() % 60, "abc {}[]:,"[random() % 10]);
  switch (random() % 12) {
    case 0:
      return ": comment " + text + "\n\n";
    case 1:
      return "event: x\r\ndata:{\"delta\":\"" + text + "\"}\r\n\r\n";
    case 2:
      return "data: {\"response\":{\"text\":\"" + std::string(random() % 20'000, 'x') +
             "\",\"usage\":{\"input_tokens\":" + std::to_string(random() % 100) + "}}}\n\n";
    case 3:
      return "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":" + std::to_string(random() % 9) +
             ",\"completion_tokens\":" + std::to_string(random() % 9) + "}}\n\n";
    case 4:
      return "data: {\"timings\":{\"draft_n\":7,\"draft_n_accepted\":" +
             std::to_string(random() % 9) + "},\"usage\":null}\n\n";
    default:
      return "data: {\"choices\":[{\"delta\":{\"content\":\"" + text + "\\\"usage\\\": {\"}}]}\n\n";
  }
}

Result in_random_pieces(const AnswerHead& head, std::string_view body, std::mt19937& random) {
  Meter meter(head);
  const std::size_t most = std::size_t{1} << (random() % 16);
  while (!body.empty()) {
    const std::string piece(body.substr(0, 1 + random() % most));
    body.remove_prefix(piece.size());
    meter.feed(piece, kNow);
  }
  return meter.finish(Ending::complete);
}

TEST(MeterPieces, RandomStreamsCutAtRandom) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    std::string stream;
    for (int i = 0; i < 40; ++i) stream += event(random);
    for (const char* coding : {"", "gzip", "br", "zstd"}) {
      SCOPED_TRACE(std::to_string(round) + coding);
      const std::string body = *coding ? encoded(coding, stream) : stream;
      const AnswerHead head{"/v1/x", 200, "OK", "text/event-stream", coding};
      Meter whole({"/v1/x", 200, "OK", "text/event-stream", ""});
      whole.feed(stream, kNow);
      const Result expected = whole.finish(Ending::complete);
      const Result found = in_random_pieces(head, body, random);
      EXPECT_EQ(found.figures, expected.figures);
      EXPECT_EQ(found.events, expected.events);
      EXPECT_EQ(found.timing.token_events, expected.timing.token_events);
      EXPECT_EQ(found.error_msg, "");
    }
  }
}

// 64 MiB; USAGE_TEST_MIB in the environment asks for another amount.
std::uint64_t bytes_of_long_answers() {
  const char* mib = std::getenv("USAGE_TEST_MIB");
  return (mib ? std::strtoull(mib, nullptr, 10) : 64) << 20;
}

void feed_in_pieces(Meter& meter, std::string_view text) {
  for (; !text.empty(); text.remove_prefix(std::min<std::size_t>(text.size(), 16'001)))
    meter.feed(text.substr(0, 16'001), kNow);
}

constexpr std::size_t kFlat = 64 * 1024;

TEST(MeterPieces, ALongStreamWithItsUsageInTheEnd) {
  Meter meter({"/v1/chat/completions", 200, "OK", "text/event-stream", ""});
  std::string events;
  for (int i = 0; i < 1000; ++i)
    events += R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,)"
              R"("model":"m","choices":[{"index":0,"delta":{"content":"word"}}],"usage":null})"
              "\n\n";
  std::uint64_t passed = 0, count = 0;
  for (; passed < bytes_of_long_answers(); passed += events.size(), count += 1000) {
    feed_in_pieces(meter, events);
    ASSERT_LT(meter.kept_bytes(), kFlat);
  }
  meter.feed("data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n", kNow);
  const Result result = meter.finish(Ending::complete);
  ASSERT_TRUE(result.figures);
  EXPECT_EQ(result.figures->output, 4);
  EXPECT_EQ(result.events, count + 1);
  EXPECT_EQ(result.timing.token_events, count);
  EXPECT_GT(result.body_bytes, passed);
}

TEST(MeterPieces, ALongEventAndALongDocument) {
  const std::string text(1 << 20, 'x');
  for (const char* type : {"text/event-stream", "application/json"}) {
    Meter meter({"/v1/x", 200, "OK", type, ""});
    if (std::string_view(type) == "text/event-stream") meter.feed("data: ", kNow);
    meter.feed("{\"response\":{\"output\":[\"", kNow);
    for (std::uint64_t passed = 0; passed < bytes_of_long_answers(); passed += text.size()) {
      feed_in_pieces(meter, text);
      ASSERT_LT(meter.kept_bytes(), kFlat);
    }
    meter.feed("\"]},\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}\n\n", kNow);
    const Result result = meter.finish(Ending::complete);
    ASSERT_TRUE(result.figures) << type;
    EXPECT_EQ(result.figures->output, 4);
  }
}

}  // namespace
}  // namespace llama_swap::usage
