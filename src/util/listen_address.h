// The text that says where to listen: "host:port", ":port" (all interfaces), "[::1]:port",
// "unix:/path".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "util/result.h"

namespace llama_swap::util {

struct ListenAddress {
  std::string path;  // of a unix socket; "": TCP
  std::string host;  // without brackets; "": all interfaces
  std::uint16_t port = 0;
};

// Errors: invalid; the message does not repeat the text.
Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace llama_swap::util
