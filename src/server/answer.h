// Whole answers in one call. I/O thread only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "net/exchange.h"

namespace llama_swap::server {

using Json = nlohmann::ordered_json;

inline constexpr std::string_view kText = "text/plain; charset=utf-8";
inline constexpr std::string_view kJson = "application/json";
inline constexpr std::string_view kEventStream = "text/event-stream";

// One line; text that is not UTF-8 becomes U+FFFD.
std::string dump(const Json& value);

// Answers with a body of known length. A client that has gone is no error here: the exchange knows.
// `extra` and `content_type` must outlive the awaitable (literals, mostly).
net::Awaitable<void> send(net::Exchange& exchange, int status, std::string_view content_type,
                          std::string body, net::Headers extra = {});
// 200 with one JSON value and a line feed.
net::Awaitable<void> send_json(net::Exchange& exchange, Json value, net::Headers extra = {});
// Without a body. `location` is made safe for a header (and against reading "/\host" as another
// host).
net::Awaitable<void> send_redirect(net::Exchange& exchange, int status, std::string location);

// Exposed for the test: everything but printable ASCII, and the backslash, percent-encoded.
std::string safe_location(std::string_view location);

// Reads a small body whole. Errors: those of Exchange::read_body, and too_large beyond `limit`
// bytes.
net::Awaitable<util::Result<std::string>> read_small_body(net::Exchange& exchange,
                                                          std::size_t limit);

}  // namespace llama_swap::server
