// Sends a request to the upstream. Used by relay.cc.
#pragma once

#include <chrono>
#include <string>

#include "net/loop.h"
#include "net/timer_wheel.h"
#include "net/upstream.h"
#include "relay/relay.h"

namespace llama_swap::relay {

struct Sent {
  enum Kind {
    whole,
    part,    // the upstream takes no more, or answers already: what it says is to be read
    late,    // it took nothing for `limit`; the connection has been cut
    failed,  // the body cannot be read; the upstream waits for the rest of it
  };
  Kind kind = whole;
  std::string error;  // of failed
};

// Sends the head in `connection.out`, and the body of `request`. A server that answers before it
// has read the whole body may never read the rest; so does one that is stuck: neither is waited
// for. `limit`: zero for none. All must outlive the awaitable.
net::Awaitable<Sent> send(net::UpstreamConnection& connection, net::TimerWheel& wheel,
                          std::chrono::seconds limit, const Request& request);

}  // namespace llama_swap::relay
