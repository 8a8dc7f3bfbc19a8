#include "net/http1_chunked.h"

#include <gtest/gtest.h>

#include <string>

namespace llama_swap::net {
namespace {

using Mode = ChunkFollower::Mode;

// "complete 'payload' [trailers] + rest", "broken: why", or "more 'payload'". Fed in pieces of
// `step` bytes.
std::string follow(std::string_view input, Mode mode, std::size_t step) {
  ChunkFollower follower(mode);
  std::string payload;
  std::size_t at = 0;
  while (at < input.size()) {
    const std::string_view piece = input.substr(at, step);
    std::string_view rest = piece;
    for (auto data = follower.next(rest); !data.empty(); data = follower.next(rest))
      payload += data;
    at += piece.size() - rest.size();
    if (follower.complete() || follower.broken()) break;
    EXPECT_TRUE(rest.empty());
  }
  if (follower.broken()) return "broken: " + std::string(follower.error());
  if (!follower.complete()) return "more '" + payload + "'";
  return "complete '" + payload + "' [" + follower.trailers() + "] + " +
         std::string(input.substr(at));
}

struct Case {
  std::string_view input;
  std::string_view strict;
  std::string_view lenient;  // empty: the same
};

TEST(ChunkFollower, Table) {
  static const Case cases[] = {
      {"0\r\n\r\n", "complete '' [] + ", ""},
      {"5\r\nhello\r\n0\r\n\r\nnext", "complete 'hello' [] + next", ""},
      {"5\r\nhello\r\n6\r\n world\r\n000\r\n\r\n", "complete 'hello world' [] + ", ""},
      {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "complete '01234567890123456789' [] + ",
       ""},
      {"1;a=b;c=\"d\r\nx\r\n0\r\n\r\n", "complete 'x' [] + ", ""},
      {"1 ;a\r\nx\r\n0;last\r\n\r\n", "complete 'x' [] + ", ""},
      {"1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n!", "complete 'x' [A: b\r\nC: d\r\n] + !", ""},
      {"", "more ''", ""},
      {"5\r\nhel", "more 'hel'", ""},
      {"5\r\nhello", "more 'hello'", ""},
      {"0\r\n", "more ''", ""},
      {"0\r\nA: b\r\n", "more ''", ""},
      // broken in both
      {"x", "broken: chunk without a size", ""},
      {"\r\n", "broken: chunk without a size", ""},
      {" 5\r\nhello\r\n", "broken: chunk without a size", ""},
      {"-5\r\n", "broken: chunk without a size", ""},
      {"0x5\r\nhello\r\n", "broken: malformed chunk size", ""},
      {"5_\r\n", "broken: malformed chunk size", ""},
      {"5 5\r\n", "broken: malformed chunk size", "broken: malformed chunk size"},
      {"5\rx", "broken: carriage return inside a chunk size line", ""},
      {"5;a\rb\r\n", "broken: carriage return inside a chunk size line", ""},
      {"5;a\x01\r\n", "broken: control character in a chunk extension", ""},
      {"5\r\nhellox", "broken: no line end after a chunk", ""},
      {"5\r\nhello\rx", "broken: no line end after a chunk", ""},
      {"7fffffffffffffff\r\n", "more ''", ""},
      {"8000000000000000\r\n", "broken: chunk size too large", ""},
      {"ffffffffffffffff1\r\n", "broken: chunk size too large", ""},
      {"0000000000000000000000001\r\nx\r\n0\r\n\r\n", "complete 'x' [] + ", ""},
      {"0\r\nA: b\rc\r\n\r\n", "broken: carriage return inside a trailer", ""},
      {"0\r\nA: \x01\r\n\r\n", "broken: control character in a trailer", ""},
      // where the modes differ
      {"5\nhello\r\n0\r\n\r\n", "broken: line feed without carriage return",
       "complete 'hello' [] + "},
      {"5;x\nhello\r\n0\r\n\r\n", "broken: line feed without carriage return",
       "complete 'hello' [] + "},
      {"5\r\nhello\n0\n\n", "broken: no line end after a chunk", "complete 'hello' [] + "},
      {"5 \t\r\nhello\r\n0\r\n\r\n", "broken: blank after a chunk size", "complete 'hello' [] + "},
      {"0\r\n\n", "broken: line feed without carriage return", "complete '' [] + "},
      {"0\r\nA: b\n\n", "broken: line feed without carriage return", "complete '' [A: b\r\n] + "},
      {"0\r\nno colon\r\n\r\n", "broken: malformed trailer", "complete '' [no colon\r\n] + "},
      {"0\r\nA : b\r\n\r\n", "broken: malformed trailer", "complete '' [A : b\r\n] + "},
      {"0\r\nA: b\r\n c\r\n\r\n", "broken: malformed trailer", "complete '' [A: b\r\n c\r\n] + "},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.input);
    for (std::size_t step = 1; step <= c.input.size() + 1; ++step) {
      EXPECT_EQ(follow(c.input, Mode::strict, step), c.strict) << step;
      EXPECT_EQ(follow(c.input, Mode::lenient, step), c.lenient.empty() ? c.strict : c.lenient)
          << step;
    }
  }
}

TEST(ChunkFollower, FollowCountsTheBytesOfTheBody) {
  const std::string_view body = "3\r\nabc\r\n0\r\nA: b\r\n\r\n";
  const std::string input = std::string(body) + "HTTP/1.1 200 OK\r\n";
  ChunkFollower whole(Mode::strict);
  EXPECT_EQ(whole.follow(input), body.size());
  EXPECT_TRUE(whole.complete());
  EXPECT_EQ(whole.follow("more"), 0u);

  for (std::size_t cut = 0; cut < body.size(); ++cut) {
    ChunkFollower halves(Mode::strict);
    EXPECT_EQ(halves.follow(std::string_view(input).substr(0, cut)), cut);
    EXPECT_FALSE(halves.complete());
    EXPECT_EQ(halves.follow(std::string_view(input).substr(cut)), body.size() - cut);
    EXPECT_TRUE(halves.complete());
  }

  ChunkFollower broken(Mode::strict);
  EXPECT_EQ(broken.follow("3\r\nabcX"), 6u);
  EXPECT_TRUE(broken.broken());
}

TEST(ChunkFollower, KnowsWhenOnlyTheFinalLineIsMissing) {
  ChunkFollower follower(Mode::lenient);
  follower.follow("3\r\nabc\r\n");
  EXPECT_FALSE(follower.payload_complete());
  follower.follow("0\r\n");
  EXPECT_TRUE(follower.payload_complete());
  EXPECT_FALSE(follower.complete());
  follower.follow("\r\n");
  EXPECT_TRUE(follower.complete());
  EXPECT_TRUE(follower.payload_complete());
}

TEST(ChunkFollower, Bounds) {
  const std::string extension(ChunkFollower::kMaxSizeLine - 4, 'e');
  EXPECT_EQ(follow("1;" + extension + "\r\nx", Mode::lenient, 100), "more 'x'");
  EXPECT_EQ(follow("1;" + extension + "e\r\nx", Mode::lenient, 100),
            "broken: chunk size line too long");
  EXPECT_EQ(follow(std::string(ChunkFollower::kMaxSizeLine + 1, '0'), Mode::lenient, 100),
            "broken: chunk size line too long");

  std::string wordy;
  for (int i = 0; i < 5; ++i) wordy += "1;" + extension + "\r\nx\r\n";
  EXPECT_EQ(follow(wordy, Mode::lenient, 100), "broken: more chunk framing than payload");
  std::string plain;
  for (int i = 0; i < 100'000; ++i) plain += "1\r\nx\r\n";
  EXPECT_EQ(follow(plain + "0\r\n\r\n", Mode::strict, 1000).substr(0, 8), "complete");

  const std::string trailer = "A: " + std::string(ChunkFollower::kMaxTrailers - 3, 'x');
  EXPECT_EQ(follow("0\r\n" + trailer + "\r\n\r\n", Mode::strict, 1000).substr(0, 8), "complete");
  EXPECT_EQ(follow("0\r\n" + trailer + "x\r\n\r\n", Mode::strict, 1000),
            "broken: trailers too long");
}

}  // namespace
}  // namespace llama_swap::net
