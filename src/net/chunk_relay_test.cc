#include "net/chunk_relay.h"

#include <gtest/gtest.h>

#include <string>

namespace llama_swap::net {
namespace {

// All that is sent for `input`, which comes in pieces of `step` bytes and then ends; "!" where it
// is broken or cut.
std::string relay(std::string_view input, std::size_t step) {
  ChunkRelay chunks;
  std::string out;
  while (!input.empty() && !chunks.complete() && !chunks.broken()) {
    const std::string piece(input.substr(0, step));
    std::string_view rest = piece;
    out += chunks.pass(rest);
    input.remove_prefix(piece.size() - rest.size());
  }
  if (chunks.complete()) return out + (input.empty() ? "" : "|" + std::string(input));
  return out + (chunks.payload_complete() ? std::string(chunks.end()) : "!");
}

TEST(ChunkRelay, Table) {
  struct Case {
    std::string_view name, input, want;
  };
  const Case cases[] = {
      {"as it came", "5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n", "5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n"},
      {"nothing", "0\r\n\r\n", "0\r\n\r\n"},
      {"what follows is not taken", "1\r\na\r\n0\r\n\r\nHTTP", "1\r\na\r\n0\r\n\r\n|HTTP"},
      {"bare line feeds", "5\nhello\n0\n\n", "5\r\nhello\r\n0\r\n\r\n"},
      {"a blank after a size", "5 \r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n"},
      {"mixed", "2\r\nab\n3 \nxyz\r\n0\r\n\n", "2\r\nab\r\n3\r\nxyz\r\n0\r\n\r\n"},
      {"a trailer", "1\r\na\r\n0\r\nX: y\r\n\r\n", "1\r\na\r\n0\r\nX: y\r\n\r\n"},
      {"no trailer", "1\r\na\r\n0\r\nthis is none\r\nX: y\n\n", "1\r\na\r\n0\r\nX: y\r\n\r\n"},
      {"cut before the last line end", "1\r\na\r\n0\r\n", "1\r\na\r\n0\r\n\r\n"},
      {"cut in the last line end", "1\r\na\r\n0\r\n\r", "1\r\na\r\n0\r\n\r\n"},
      {"cut after a trailer", "1\r\na\r\n0\r\nX: y\r\n", "1\r\na\r\n0\r\nX: y\r\n\r\n"},
      {"cut in a trailer", "1\r\na\r\n0\r\nX: y", "1\r\na\r\n!"},
      {"cut in a trailer's end", "1\r\na\r\n0\r\nX: y\r", "1\r\na\r\n!"},
      {"cut in the last size", "1\r\na\r\n0", "1\r\na\r\n!"},
      {"cut in a chunk", "5\r\nhel", "5\r\nhel!"},
      {"broken", "1\r\nax", "1\r\na!"},
  };
  for (const Case& c : cases) {
    for (const std::size_t step : {1, 2, 3, 5, 7, 1000})
      EXPECT_EQ(relay(c.input, step), c.want) << c.name << ", by " << step;
  }
}

TEST(ChunkRelay, AnUnusualSizePassesAsItIs) {
  const std::string body = "000005;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n";
  EXPECT_EQ(relay(body, 1000), body);
}

TEST(ChunkRelay, CountsPayload) {
  ChunkRelay chunks;
  std::string_view input = "5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n";
  chunks.pass(input);
  EXPECT_EQ(chunks.payload(), 8u);
}

}  // namespace
}  // namespace llama_swap::net
