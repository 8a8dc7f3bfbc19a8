// Two streams joined: what comes from one goes to the other, until either ends.
#pragma once

#include <string_view>

#include "net/loop.h"
#include "net/stream.h"

namespace llama_swap::relay {

// `from_a` and `from_b` were read already and go first. Both streams have been cut when it returns.
// Both streams and texts must outlive the awaitable.
net::Awaitable<void> tunnel(net::Stream& a, std::string_view from_a, net::Stream& b,
                            std::string_view from_b);

}  // namespace llama_swap::relay
