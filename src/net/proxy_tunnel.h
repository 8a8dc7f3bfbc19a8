// A way through an outgoing proxy (CONNECT, RFC 9110 9.3.6). I/O thread only.
#pragma once

#include <string>

#include "net/loop.h"
#include "net/proxy_env.h"
#include "net/stream.h"
#include "util/result.h"

namespace llama_swap::net {

// On a fresh connection to `proxy`: asks for `target` ("host:port"); after that the stream is a
// connection to it. The caller sets the time limit: stream.cut() ends it. Errors: closed, refused
// (with what the proxy said), invalid (it does not speak HTTP). All must outlive the awaitable.
Awaitable<util::Result<void>> open_tunnel(Stream& stream, const ForwardProxy& proxy,
                                          const std::string& target);

}  // namespace llama_swap::net
