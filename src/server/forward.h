// The second half of every forwarded request: admission, the wait, the relay, and what goes wrong
// on the way (http-api 9).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/body.h"
#include "relay/relay.h"
#include "server/context.h"
#include "server/errors.h"
#include "server/model_request.h"

namespace llama_swap::server {

struct Forwarding {
  Target target;     // of the call's site; not empty
  std::string path;  // escaped, below the upstream's base
  std::string query;
  const net::Body* body = nullptr;
  net::Splices splices;
  bool loading_state = false;             // show a waiting client what it waits for
  InflightTable::Entry* entry = nullptr;  // null: not tracked
};

// Answers the call's exchange, but for one case: the target could not be reached, or started, and
// nothing has been sent to the client, so that another target may be tried. The caller must answer
// then. Call and forwarding must outlive the awaitable.
net::Awaitable<std::optional<Problem>> try_forward(Call& call, const Forwarding& forwarding);
// Answers the call's exchange in any case.
net::Awaitable<void> forward(Call& call, const Forwarding& forwarding);

// Reads the request's body whole, and lets `scan` (may be null) see it on its way.
// Errors: those of Exchange::read_body and Body::commit.
net::Awaitable<util::Result<void>> receive_body(net::Exchange& exchange, net::Body& body,
                                                ModelScan* scan);

bool is_websocket(const net::RequestHead& head);

}  // namespace llama_swap::server
