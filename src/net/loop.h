// The one event loop and the coroutine type that runs on it. The executor type is concrete on
// purpose: type erasure costs an allocation and a virtual call per suspension
// (docs/decisions/002-event-loop.md).
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace llama_swap::net {

using Loop = boost::asio::io_context;
using Executor = Loop::executor_type;
template <class T = void>
using Awaitable = boost::asio::awaitable<T, Executor>;

// co_await op(..., use_awaitable) gives a tuple whose first member is the error code; nothing is
// thrown.
inline constexpr boost::asio::as_tuple_t<boost::asio::use_awaitable_t<Executor>> use_awaitable{};

}  // namespace llama_swap::net
