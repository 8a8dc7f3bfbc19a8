// The http URL of an upstream (RFC 3986), as far as a proxy needs it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "util/result.h"

namespace llama_swap::net {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // without brackets
  std::uint16_t port = 80;
  std::string authority;  // host[:port] as written: what a Host header says
  std::string path;       // escaped, may be empty
  std::string query;      // without '?', may be empty
};

// Absolute http and https URLs only. Errors: invalid, with the reason.
util::Result<Url> parse_url(std::string_view text);

// The request target for `path`?`query` below `base`: exactly one slash between the two paths,
// escapes kept, queries joined by '&'. "/base" + "/v1/x" gives "/base/v1/x".
std::string join_target(const Url& base, std::string_view path, std::string_view query);

}  // namespace llama_swap::net
