#include "net/awaitable.h"

namespace llama_swap::net {
namespace detail {
namespace {

Root run(Awaitable<void> work) {
  co_await work;
}

}  // namespace
}  // namespace detail

void spawn(boost::asio::io_context& loop, Awaitable<void> work) {
  const std::coroutine_handle<> root = detail::run(std::move(work)).frame;
  boost::asio::dispatch(loop,
                        [sleeper = detail::Sleeper(root, root)]() mutable { sleeper.wake(); });
}

}  // namespace llama_swap::net
