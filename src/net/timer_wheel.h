// Many coarse deadlines for the price of one timer: ticks of 100 ms, and a deadline that is pushed
// on (the common case: "last activity" moved) costs one store. I/O thread only.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "net/loop.h"
#include "util/time.h"

namespace llama_swap::net {

class TimerWheel;

// A deadline that may be moved at will. Fires at most once per set(), on the loop, up to two ticks
// late, never early. The wheel must outlive it.
class Deadline : public boost::intrusive::list_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  Deadline(TimerWheel& wheel, std::function<void()> expired)
      : wheel_(wheel), expired_(std::move(expired)) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void set(util::Time at);
  void clear() { at_ = util::Time::max(); }
  bool is_set() const { return at_ != util::Time::max(); }

 private:
  friend class TimerWheel;
  TimerWheel& wheel_;
  std::function<void()> expired_;
  util::Time at_ = util::Time::max();
  std::int64_t tick_ = 0;  // when its slot comes round, if linked
};

class TimerWheel {
 public:
  explicit TimerWheel(Loop& loop);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  static constexpr std::chrono::milliseconds kTick{100};

 private:
  friend class Deadline;
  using Slot = boost::intrusive::list<Deadline, boost::intrusive::constant_time_size<false>>;
  void insert(Deadline& deadline);
  void wait();
  void tick();

  boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>, Executor>
      timer_;
  std::vector<Slot> slots_;
  std::int64_t position_ = 0;  // number of the last tick that has been handled
  bool running_ = false;       // the timer is set; false only while nothing is linked
};

}  // namespace llama_swap::net
