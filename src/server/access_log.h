// The line that is logged for every request when it ends (http-api 25).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "net/exchange.h"

namespace llama_swap::server {

// First item of X-Forwarded-For, else X-Real-IP, else the peer's address (18.1).
std::string_view client_ip(const net::Exchange& exchange);

// Health checks and monitoring are not logged. `path` is escaped.
bool is_logged(std::string_view path);

// Appends `Request <ip> "<METHOD> <path> <proto>" <status> <bytes> "<user agent>" <duration>`. The
// path is decoded; what the client wrote has its control characters, quotes and backslashes
// escaped, so that it stays within its place.
void append_access_line(std::string& out, const net::Exchange& exchange,
                        std::chrono::nanoseconds took);

}  // namespace llama_swap::server
