// Cross-origin answers (http-api 4).
#pragma once

#include <string>
#include <string_view>

#include "net/exchange.h"

namespace llama_swap::server {

// The items of a comma list that are header names (RFC 9110 tokens), joined by ", ".
std::string sanitize_header_list(std::string_view list);

// The answer to any OPTIONS request: 204, everything allowed.
net::Awaitable<void> send_preflight(net::Exchange& exchange);
// The same to a page that is allowed nothing.
net::Awaitable<void> send_preflight_refusal(net::Exchange& exchange);

}  // namespace llama_swap::server
