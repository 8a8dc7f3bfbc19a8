// The one event loop, and the coroutines that run on it. The executor type is concrete on purpose:
// type erasure costs an allocation and a virtual call per suspension
// (docs/decisions/002-event-loop.md).
#pragma once

#include <boost/asio/io_context.hpp>

#include "net/awaitable.h"

namespace llama_swap::net {

using Loop = boost::asio::io_context;
using Executor = Loop::executor_type;

}  // namespace llama_swap::net
