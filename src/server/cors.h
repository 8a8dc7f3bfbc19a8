// Cross-origin answers (http-api 4).
#pragma once

#include <string>
#include <string_view>

#include "net/exchange.h"

namespace llama_swap::server {

// The items of a comma list that are header names (RFC 9110 tokens), joined by ", ".
std::string sanitize_header_list(std::string_view list);

// The same without those that proxies add: X-Forwarded-*, Forwarded, Via, X-Real-IP. Who is a page
// of somewhere must not say that it is of here.
std::string without_proxy_fields(std::string_view list);

// The answer to any OPTIONS request: 204, everything allowed; to foreign pages but the fields that
// proxies add.
enum class Asking { anybody, foreign_page };
net::Awaitable<void> send_preflight(net::Exchange& exchange, Asking who = Asking::anybody);
// The same to a page that is allowed nothing.
net::Awaitable<void> send_preflight_refusal(net::Exchange& exchange);

}  // namespace llama_swap::server
