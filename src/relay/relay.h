// Carries one request to one upstream and its answer back, piece by piece: each piece is written
// before the next is read, so events are not delayed and a slow client slows the upstream. Header
// rules of http-api 9.
//
// I/O thread only. Everything passed by reference must outlive the awaitable.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/body.h"
#include "net/exchange.h"
#include "net/loop.h"
#include "net/payload_sink.h"
#include "net/splice.h"
#include "net/timer_wheel.h"
#include "net/upstream.h"

namespace llama_swap::relay {

struct Request {
  std::string target;  // of the request to the upstream: net::join_target(base, path, query)
  const net::Body* body = nullptr;  // null: no body, and no Content-Length is sent
  net::Splices splices;             // of the body
  // Peers: Host of the upstream, no X-Forwarded-*; else Host as the client sent it and
  // X-Forwarded-For extended.
  bool to_peer = false;
  std::string api_key;          // not empty: replaces Authorization and x-api-key
  bool drop_key = false;        // Authorization and x-api-key are not passed on
  std::string_view request_id;  // sent as X-Request-ID, unless the client sends one; "": not
  std::string trace_parent;     // replaces traceparent; "": the client's is passed on
  std::string trace_state;      // replaces tracestate, with a trace_parent only; "": none is sent
  bool allow_upgrade = true;    // pass a websocket upgrade on
  // Called once, when the answer's head is about to be sent to the client. Its length, if one is
  // announced, is said by the framing only.
  std::function<void(const net::ResponseHead&, const net::BodyFraming&)> on_head;
  // Sees the body of the answer, from the call of on_head on, before the client gets it; null:
  // nobody does. Who watches must be able to read: the upstream is offered no other content codings
  // than gzip and deflate then.
  net::PayloadSink* watcher = nullptr;
};

struct Outcome {
  enum Kind {
    complete,        // the answer was passed on whole (whatever its status)
    unreachable,     // no answer head came: nothing was sent to the client; the caller answers 502
    header_timeout,  // the same, because timeouts.responseHeader passed: since the request was
                     // sent, or since the upstream took the last piece of it
    broke_off,       // the answer ended early; the client's exchange has been aborted
    client_gone,     // the client left, or was cancelled; the upstream connection has been closed
  };
  Kind kind = complete;
  std::string error;           // for the log; empty when complete
  bool no_connection = false;  // unreachable, and nobody was there to send anything to
};

// Runs until the answer is through. On every kind but `complete` the upstream connection is closed,
// so that the server stops working for nobody. A pooled connection that turns out to be closed
// before the first byte of an answer is replaced by a fresh one, once.
net::Awaitable<Outcome> relay(net::Exchange& exchange, net::Upstream& upstream,
                              net::TimerWheel& wheel, const Request& request);

}  // namespace llama_swap::relay
