// Notices that files have changed: of the configuration, of a certificate. Where inotify works it
// says at once that something may have; where it does not (network file systems, some bind mounts),
// and beside it, names, times and sizes are looked at every two seconds. What counts is the text
// alone, once it has stayed the same for a moment: neither a touch nor half a file is a change. I/O
// thread only; reads the files there.
#pragma once

#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/load.h"
#include "net/loop.h"
#include "util/time.h"

namespace llama_swap::app {

class FileWatch {
 public:
  static constexpr std::chrono::seconds kPeriod{2};
  static constexpr std::chrono::milliseconds kQuiet{100};

  // Says which files count by now.
  using Files = std::function<std::vector<std::filesystem::path>()>;

  // What is there now is the baseline. `places`: paths whose directories are watched even while
  // none of the files is there. `changed` is called from the loop.
  FileWatch(net::Loop& loop, Files files, std::vector<std::filesystem::path> places,
            std::function<void()> changed);
  // The sources of a configuration.
  FileWatch(net::Loop& loop, const config::Sources& sources, std::function<void()> changed);
  void stop();

 private:
  using Timer =
      boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                        net::Executor>;
  // Path to (modification time in nanoseconds, size) of each source that exists.
  using Stamps = std::map<std::string, std::pair<std::int64_t, std::int64_t>>;
  using Texts = std::map<std::string, std::string>;

  Stamps stamps() const;
  Texts texts() const;
  void poll();
  void watch_directories();
  void listen();
  void settle();

  const Files files_;
  const std::vector<std::filesystem::path> places_;
  const std::function<void()> changed_;
  Timer period_;
  Timer quiet_;
  boost::asio::posix::basic_stream_descriptor<net::Executor> inotify_;  // closed: there is none
  alignas(8) std::array<char, 4096> events_;
  Stamps stamps_;
  Texts known_;  // what was last said to have changed, or the baseline
  Texts seen_;   // of files that may be in the middle of being written
};

}  // namespace llama_swap::app
