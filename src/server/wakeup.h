// Lets one coroutine sleep until something happens. I/O thread only.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>

#include "net/loop.h"
#include "util/time.h"

namespace llama_swap::server {

class Wakeup {
 public:
  explicit Wakeup(net::Loop& loop) : timer_(loop, util::Time::max()) {}

  // From any callback of the loop; also before wait(), which then returns at once.
  void notify() {
    notified_ = true;
    timer_.cancel();
  }
  net::Awaitable<void> wait() {
    if (!notified_) co_await timer_.async_wait(net::use_awaitable);
    notified_ = false;
  }

 private:
  boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                    net::Executor>
      timer_;
  bool notified_ = false;
};

}  // namespace llama_swap::server
