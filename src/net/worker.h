// The one thread for work that may block: files, compression, SQLite. Values go there and come back
// by queue; nothing is shared.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <utility>

#include "net/loop.h"

namespace llama_swap::net {

class Worker {
 public:
  explicit Worker(Loop& loop) : loop_(loop) {}
  Loop& loop() { return loop_; }
  void post(std::function<void()> work) { boost::asio::post(pool_, std::move(work)); }
  // Runs what is queued, then ends the thread. Nothing may be posted after.
  void join() { pool_.join(); }

 private:
  Loop& loop_;
  boost::asio::thread_pool pool_{1};
};

// Runs `work` on the worker's thread and resumes the caller on the loop when it is done. Not
// cancellable; what `work` refers to must live until then.
Awaitable<void> run(Worker& worker, std::function<void()> work);

}  // namespace llama_swap::net
