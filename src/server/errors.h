// Errors made by the proxy itself (http-api 3): which status has which type and code, and the three
// ways to say it.
#pragma once

#include <string>
#include <string_view>

#include "net/exchange.h"
#include "swap/swap.h"

namespace llama_swap::server {

struct ErrorBody {
  std::string_view content_type;
  std::string text;
};

// {"src":"llama-swap","error":{...}}, without a line feed.
std::string error_envelope(int status, std::string_view message);
// Chosen by the Accept header: text/plain, text/html, else the envelope. Plain substring search,
// first hit wins.
ErrorBody error_body(std::string_view accept, int status, std::string_view message);

net::Awaitable<void> send_error(net::Exchange& exchange, int status, std::string message,
                                net::Headers extra = {});
// 429 of the concurrency limit: always JSON, with Retry-After.
net::Awaitable<void> send_too_many(net::Exchange& exchange);
std::string too_many_envelope();

// What a refused admission is to the client.
int refusal_status(const swap::Refusal& refusal);
net::Awaitable<void> send_refusal(net::Exchange& exchange, const swap::Refusal& refusal);

// For a body that could not be read: 413, 408, 400 or, when the client has gone, nothing.
net::Awaitable<void> send_body_error(net::Exchange& exchange, util::Error error);

}  // namespace llama_swap::server
