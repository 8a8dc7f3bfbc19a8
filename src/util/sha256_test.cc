#include "util/sha256.h"

#include <gtest/gtest.h>

namespace llama_swap::util {
namespace {

TEST(Sha256, Digest) {
  // FIPS 180-4, and nothing at all.
  EXPECT_EQ(sha256("abc"),
            parse_sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  EXPECT_EQ(sha256(""),
            parse_sha256("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"));
}

TEST(Sha256, Compare) {
  EXPECT_TRUE(same_digest(sha256("a"), sha256("a")));
  EXPECT_FALSE(same_digest(sha256("a"), sha256("b")));
}

TEST(Sha256, NotADigest) {
  const std::string good(64, 'a');
  EXPECT_TRUE(parse_sha256(good));
  for (const std::string& bad : {std::string(), good + "a", good.substr(1), good.substr(1) + "g"})
    EXPECT_FALSE(parse_sha256(bad)) << bad;
}

}  // namespace
}  // namespace llama_swap::util
