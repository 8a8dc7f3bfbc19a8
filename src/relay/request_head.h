// The head of the request as the upstream gets it (http-api 9.1, 9.2).
#pragma once

#include <string>
#include <string_view>

#include "net/exchange.h"
#include "net/upstream.h"
#include "relay/relay.h"

namespace llama_swap::relay {

// Does the client ask for a websocket (http-api 12)?
bool is_upgrade(const net::RequestHead& head);

// What is left of an Accept-Encoding when only gzip and deflate may be used: their items, with
// their parameters. May be empty.
std::string readable_codings(std::string_view accept_encoding);

// Is that, and nothing else, what an answer of 101 switches to?
bool switches_to_websocket(const net::Headers& headers);

// Request line and fields, the empty line included, in place of what `out` held. The only protocol
// it ever asks to upgrade to is websocket (RFC 6455 4.1).
void make_request_head(const net::Exchange& exchange, const net::Upstream& upstream,
                       const Request& request, std::string& out);

}  // namespace llama_swap::relay
