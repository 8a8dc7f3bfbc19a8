#include "server/path.h"

#include <gtest/gtest.h>

namespace llama_swap::server {
namespace {

TEST(Path, Encode) {
  EXPECT_EQ(encode_path("author/model:x"), "author/model:x");
  EXPECT_EQ(encode_path("a b?c%d#é\\"), "a%20b%3Fc%25d%23%C3%A9%5C");
}

TEST(Path, PrefixLength) {
  const struct {
    const char* escaped;
    const char* plain;
    std::optional<std::size_t> want;
  } cases[] = {
      {"public/v1/x", "public", 6},
      {"public", "public", 6},
      {"publicity/x", "public", {}},
      {"p%75blic/x", "public", 8},
      {"author%2Fpublic/x", "author/public", 15},
      {"author/public%2Fx", "author/public", 13},
      {"pub", "public", {}},
      {"%2", "%2", 2},
      {"a%20b/c", "a b", 5},
      {"", "a", {}},
  };
  for (const auto& c : cases) EXPECT_EQ(prefix_length(c.escaped, c.plain), c.want) << c.escaped;
}

TEST(Path, Climbs) {
  for (const char* path : {"..", "/..", "/../x", "/x/..", "/x/../y", "x\\..\\y"})
    EXPECT_TRUE(climbs(path)) << path;
  for (const char* path : {"", "/", "/.", "/...", "/x..", "/..x", "/x/%2e%2e/y"})
    EXPECT_FALSE(climbs(path)) << path;
}

}  // namespace
}  // namespace llama_swap::server
