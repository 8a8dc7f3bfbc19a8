#include "net/hop_by_hop.h"

#include <gtest/gtest.h>

namespace llama_swap::net {
namespace {

TEST(HopByHop, Names) {
  for (const std::string_view name :
       {"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
        "Te", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings", "CONNECTION", "tE"})
    EXPECT_TRUE(is_hop_by_hop(name)) << name;
  for (const std::string_view name : {"", "Host", "Content-Length", "Content-Type", "Trailers",
                                      "TE:", "Via", "Connections", "X-Te", "Authorization"})
    EXPECT_FALSE(is_hop_by_hop(name)) << name;
}

TEST(ConnectionTokens, NamesWhatConnectionNames) {
  const Headers headers = {{"Host", "a"},
                           {"Connection", " close, X-One ,,x-two"},
                           {"X-One", "1"},
                           {"connection", "X-THREE, Host, Content-Length, keep-alive, a~, a^"}};
  const ConnectionTokens tokens(headers);
  for (const std::string_view name : {"x-one", "X-Two", "x-Three", "A^", "a~"})
    EXPECT_TRUE(tokens.names(name)) << name;
  for (const std::string_view name :
       {"", "close", "x-four", "x-on", "x-onee", "host", "content-length"})
    EXPECT_FALSE(tokens.names(name)) << name;
}

TEST(ConnectionTokens, NothingNamed) {
  EXPECT_FALSE(ConnectionTokens(Headers{}).names("x"));
  EXPECT_FALSE(ConnectionTokens(Headers{{"Connection", ""}}).names(""));
}

}  // namespace
}  // namespace llama_swap::net
