// The children of the daemon: shims, whose end somebody waits for, and strangers that were handed
// to us because we are their sub-reaper, or process 1 of a container. I/O thread only.
#pragma once

#include <sys/types.h>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <map>
#include <set>

#include "net/loop.h"
#include "util/time.h"

namespace llama_swap::process {

class ChildReaper {
 public:
  using Ended = std::function<void(int wait_status)>;

  // Makes this process a sub-reaper, where the system allows it. One per process; must outlive the
  // loop's handlers.
  explicit ChildReaper(net::Loop& loop);
  ChildReaper(const ChildReaper&) = delete;
  ChildReaper& operator=(const ChildReaper&) = delete;

  // `pid` is a child of ours that has not been waited for. `ended` is called from the loop, once.
  void own(pid_t pid, Ended ended);
  bool owns(pid_t pid) const { return owned_.contains(pid); }
  bool is_subreaper() const { return subreaper_; }

 private:
  void wait_for_signal();
  void reap_owned();
  void watch_for_strangers();
  void reap_later();
  std::set<pid_t> dead_strangers() const;

  boost::asio::basic_signal_set<net::Executor> signals_;
  boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                    net::Executor>
      timer_;
  std::map<pid_t, Ended> owned_;
  std::set<pid_t> seen_dead_;  // strangers, to be reaped if still there when the timer ends
  bool timer_runs_ = false;
  bool subreaper_ = false;
};

}  // namespace llama_swap::process
