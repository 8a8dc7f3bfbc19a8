#include "usage/decoder.h"

#include <gtest/gtest.h>

#include <random>

#include "usage/test_support.h"

namespace llama_swap::usage {
namespace {

std::string sample_text(std::size_t size) {
  std::mt19937 random(1);
  std::string text;
  while (text.size() < size) text += "data: {\"i\":" + std::to_string(random()) + "}\n\n";
  text.resize(size);
  return text;
}

constexpr std::size_t kSeveralBlocks = 1'000'000;  // a block of zstd has 128 KiB

struct Outcome {
  std::string text;
  std::string fault;
  bool complete = false;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(std::string_view content_encoding, std::string_view body,
               std::size_t piece = std::string::npos, ExpansionLimit limit = {}) {
  const auto decoder = Decoder::make(content_encoding, limit);
  EXPECT_TRUE(decoder) << content_encoding;
  Outcome outcome;
  while (decoder && !body.empty()) {
    // In memory of its own, so that reading past it is seen.
    const std::string now(body.substr(0, piece));
    body.remove_prefix(now.size());
    decoder->feed(now);
    for (auto out = decoder->next(); !out.empty(); out = decoder->next()) {
      EXPECT_LE(out.size(), Decoder::kPiece);
      outcome.text += out;
    }
  }
  outcome.fault = decoder->fault();
  outcome.complete = decoder->complete();
  return outcome;
}

const struct {
  const char* header;
  std::vector<const char*> applied;
} kHeaders[] = {
    {"gzip", {"gzip"}},
    {"GZip", {"gzip"}},
    {"x-gzip", {"gzip"}},
    {"deflate", {"deflate"}},
    {"deflate", {"raw"}},
    {"br", {"br"}},
    {"zstd", {"zstd"}},
    {"identity, gzip", {"gzip"}},
    {" gzip ,br", {"gzip", "br"}},
    {"gzip, deflate, br, zstd", {"gzip", "raw", "br", "zstd"}},
};

TEST(Decoder, EachCodingInPiecesOfAnySize) {
  for (const std::size_t size : {0, 1, 1000, 200'000}) {
    const std::string text = sample_text(size);
    for (const auto& header : kHeaders) {
      std::string body = text;
      for (const char* coding : header.applied) body = encoded(coding, body);
      for (const std::size_t piece : {1, 7, 1000, 1'000'000}) {
        SCOPED_TRACE(std::string(header.header) + " " + std::to_string(size) + " in " +
                     std::to_string(piece));
        const Outcome outcome = decode(header.header, body, piece);
        EXPECT_TRUE(outcome.text == text);
        EXPECT_EQ(outcome.fault, "");
        EXPECT_TRUE(outcome.complete);
      }
    }
  }
}

TEST(Decoder, WhatIsKnown) {
  for (const char* header : {"", "identity", " , identity", "compress", "gzip, compress",
                             "gzip;q=1", "gzip,gzip,gzip,gzip,gzip"})
    EXPECT_FALSE(Decoder::make(header)) << header;
}

TEST(Decoder, BeginningsGiveWhatIsInThem) {
  const std::string text = sample_text(kSeveralBlocks);
  for (const char* coding : {"gzip", "deflate", "br", "zstd"}) {
    SCOPED_TRACE(coding);
    const std::string body = encoded(coding, text);
    for (std::size_t size = 1; size < body.size(); size += 9973) {
      const Outcome outcome = decode(coding, body.substr(0, size), 100);
      EXPECT_TRUE(text.starts_with(outcome.text));
      EXPECT_EQ(outcome.fault, "");
      EXPECT_FALSE(outcome.complete);
    }
    EXPECT_FALSE(decode(coding, body.substr(0, body.size() / 2)).text.empty());
  }
}

TEST(Decoder, BrokenOnesSayWhy) {
  const std::string text = sample_text(kSeveralBlocks);
  for (const char* coding : {"gzip", "deflate", "br", "zstd"}) {
    SCOPED_TRACE(coding);
    const Outcome no_such = decode(coding, "<html>Bad Gateway</html>", 5);
    EXPECT_NE(no_such.fault, "");
    EXPECT_FALSE(no_such.complete);
    std::string body = encoded(coding, text);
    for (std::size_t i = body.size() / 2; i < body.size(); ++i) body[i] = '\xff';
    const Outcome broken = decode(coding, body, 100);
    EXPECT_TRUE(!broken.fault.empty() || broken.text != text);
    EXPECT_TRUE(broken.text.starts_with(text.substr(0, 1000)));
  }
}

TEST(Decoder, SeveralBodiesInARow) {
  for (const char* coding : {"gzip", "zstd"}) {
    const std::string body = encoded(coding, "one") + encoded(coding, "") + encoded(coding, "two");
    for (const std::size_t piece : {1, 1000})
      EXPECT_EQ(decode(coding, body, piece), (Outcome{"onetwo", "", true})) << coding;
  }
}

TEST(Decoder, WhatFollowsIsIgnored) {
  for (const char* coding : {"gzip", "deflate", "raw", "br", "zstd"}) {
    const std::string body = encoded(coding, "one") + std::string("\0\0 \x1f\x8b (\x50", 8);
    const char* header = std::string_view(coding) == "raw" ? "deflate" : coding;
    for (const std::size_t piece : {1, 1000})
      EXPECT_EQ(decode(header, body, piece), (Outcome{"one", "", true})) << coding;
  }
}

TEST(Decoder, BombsAreRefused) {
  const std::string zeros(std::size_t{32} << 20, '\0');
  for (const char* coding : {"gzip", "deflate", "br", "zstd"}) {
    SCOPED_TRACE(coding);
    const std::string bomb = encoded(coding, zeros);
    const ExpansionLimit limit{1 << 20, 20};
    const Outcome outcome = decode(coding, bomb, 1000, limit);
    EXPECT_EQ(outcome.fault, "more than 20 times as large when decoded");
    EXPECT_LE(outcome.text.size(), limit.free + limit.ratio * bomb.size() + Decoder::kPiece);
    EXPECT_FALSE(outcome.complete);
    // A bomb in a small parcel is none less.
    const std::string parcel = encoded("gzip", bomb);
    EXPECT_NE(decode(std::string(coding) + ", gzip", parcel, 1000, limit).fault, "");
    // And what is small altogether is none.
    EXPECT_EQ(decode(coding, encoded(coding, zeros.substr(0, 1 << 20)), 1000, limit).fault, "");
  }
}

TEST(Decoder, NothingIsComplete) {
  const Outcome outcome = decode("gzip", "");
  EXPECT_TRUE(outcome.complete);
  EXPECT_EQ(outcome.text, "");
}

}  // namespace
}  // namespace llama_swap::usage
