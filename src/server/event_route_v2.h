// GET /api/events?v=2 (docs/events.md).
#pragma once

#include "server/context.h"

namespace llama_swap::server {

// Answers the call's exchange: until the client leaves or the server ends.
net::Awaitable<void> event_stream(Call& call);

}  // namespace llama_swap::server
