// The body of PUT /api/profiles/active (http-api 15).
#pragma once

#include <string>
#include <string_view>

#include "util/result.h"

namespace llama_swap::server {

// The name, "" for null. Text after the first JSON value is ignored. Errors: invalid, with the text
// for the client.
util::Result<std::string> parse_profile_request(std::string_view body);

}  // namespace llama_swap::server
