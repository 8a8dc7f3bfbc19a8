// The line that is logged for every request when it ends (http-api 25).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "net/exchange.h"

namespace llama_swap::server {

// Health checks and monitoring are not logged. `path` is escaped.
bool is_logged(std::string_view path);

// Appends `Request <ip> "<METHOD> <path> <proto>" <status> <bytes> "<user agent>" <duration>`, and
// ` key=<name>` where the key has a name. The path is decoded; what the client wrote has its
// control characters, quotes and backslashes escaped, so that it stays within its place. So has
// `ip` (client_address.h).
void append_access_line(std::string& out, const net::Exchange& exchange, std::string_view ip,
                        std::chrono::nanoseconds took, std::string_view key_name = {});

// The client left before there was an answer (nginx's number).
inline constexpr int kClientGone = 499;
// The status of an exchange that is over, or kClientGone.
int logged_status(const net::Exchange& exchange);
// The same as members of a JSON object, but the key: client, method, path, proto, status, bytes,
// user_agent ("" where none was sent), duration_ms.
void append_access_members(std::string& out, const net::Exchange& exchange, std::string_view ip,
                           std::chrono::nanoseconds took);
// What such a line says beside them.
inline constexpr std::string_view kAccessMessage = "request";

// The escaping.
void append_escaped(std::string& out, std::string_view text);

}  // namespace llama_swap::server
