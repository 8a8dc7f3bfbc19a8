// How a request shows its API key (http-api 5). Whose it is: keys.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace llama_swap::server {

// Standard base64 with padding (RFC 4648 4); nothing if it is not.
std::optional<std::string> base64_decode(std::string_view text);

// The key a request shows: a non-empty Basic password, else a non-empty Bearer credential, else
// x-api-key.
std::string shown_key(const net::RequestHead& head);

}  // namespace llama_swap::server
