// Lets one coroutine sleep until something happens. I/O thread only.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>

#include "net/loop.h"
#include "util/time.h"

namespace llama_swap::net {

class Wakeup {
 public:
  explicit Wakeup(Loop& loop) : timer_(loop, util::Time::max()) {}

  // From any callback of the loop; also before wait(), which then returns at once.
  void notify() {
    notified_ = true;
    timer_.cancel();
  }
  Awaitable<void> wait() {
    if (!notified_) co_await timer_.async_wait(use_awaitable);
    notified_ = false;
  }

 private:
  boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>, Executor>
      timer_;
  bool notified_ = false;
};

}  // namespace llama_swap::net
