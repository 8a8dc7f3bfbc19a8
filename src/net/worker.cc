#include "net/worker.h"

#include <boost/asio/executor_work_guard.hpp>
#include <memory>

namespace llama_swap::net {

Awaitable<void> run(Worker& worker, std::function<void()> work) {
  auto start = [&worker](auto handler, std::function<void()> job) {
    // std::function wants something it can copy.
    auto done = std::make_shared<decltype(handler)>(std::move(handler));
    auto guard = boost::asio::make_work_guard(worker.loop());
    worker.post([&worker, done, guard, job = std::move(job)]() mutable {
      job();
      boost::asio::post(worker.loop(), [done, guard = std::move(guard)]() mutable { (*done)(); });
    });
  };
  co_await boost::asio::async_initiate<const UseAwaitable, void()>(start, use_awaitable,
                                                                   std::move(work));
}

}  // namespace llama_swap::net
