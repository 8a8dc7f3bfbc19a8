// Notices that the configuration on disk has changed: every two seconds the names, times and sizes
// of the sources are looked at, which works on any file system, through links and bind mounts. I/O
// thread only.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "config/load.h"
#include "net/loop.h"
#include "util/time.h"

namespace llama_swap::app {

class ConfigWatch {
 public:
  // What is there now is the baseline. `changed` is called from the loop.
  ConfigWatch(net::Loop& loop, config::Sources sources, std::function<void()> changed);
  void stop() { timer_.cancel(); }

 private:
  // Path to (modification time in nanoseconds, size) of each source that exists.
  using Snapshot = std::map<std::string, std::pair<std::int64_t, std::int64_t>>;
  Snapshot look() const;
  void wait();

  config::Sources sources_;
  std::function<void()> changed_;
  boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                    net::Executor>
      timer_;
  Snapshot last_;
};

}  // namespace llama_swap::app
