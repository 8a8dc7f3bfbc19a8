// The addresses of a host name. I/O thread only, though the system's resolver, which blocks for as
// long as it likes and cannot be cancelled, works on threads of its own.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <functional>
#include <string>
#include <vector>

#include "net/loop.h"
#include "net/timer_wheel.h"
#include "util/result.h"
#include "util/time.h"

namespace llama_swap::net {

using Addresses = std::vector<boost::asio::ip::address>;

// In the order of the system's preference (RFC 6724), sixteen at most, never none. A literal and
// localhost (127.0.0.1, ::1) need no lookup. All who want a name that is being looked up share the
// answer; up to eight names are looked up at a time. It waits until `end` at most (Time::max(): no
// limit), and while it does, `cancel` holds what ends that; the lookup then goes on without it.
// Loop, wheel and `cancel` must outlive the awaitable. Errors: timed_out, cancelled, io (no such
// name, or the resolver failed).
Awaitable<util::Result<Addresses>> look_up(Loop& loop, TimerWheel& wheel, std::string host,
                                           util::Time end, std::function<void()>& cancel);

}  // namespace llama_swap::net
