// The API key check (http-api 5).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace llama_swap::server {

// Standard base64 with padding (RFC 4648 4); nothing if it is not.
std::optional<std::string> base64_decode(std::string_view text);

// The key a request shows: a non-empty Basic password, else a non-empty Bearer credential, else
// x-api-key.
std::string shown_key(const net::RequestHead& head);

// True without configured keys. Takes the same time whichever configured key it is and wherever the
// first difference is.
bool key_accepted(const std::vector<std::string>& keys, const net::RequestHead& head);

}  // namespace llama_swap::server
