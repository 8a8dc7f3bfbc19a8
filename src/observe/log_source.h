// One stream of log text: its last 100 KiB, and whoever follows it live (runtime 14). I/O thread
// only.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "util/byte_ring.h"

namespace llama_swap::observe {

class LogSource;

// Follows a source from the moment it is made: source.history() called in the same turn of the loop
// and what take() gives afterwards join without a gap and without a repetition.
class LogSubscription : public boost::intrusive::list_base_hook<
                            boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  // What waits here for a slow reader. Beyond either bound text is dropped (never from the history)
  // and
  // "\n— <n> bytes dropped —\n" stands in its place.
  static constexpr std::size_t kMaxChunks = 1024;
  static constexpr std::size_t kMaxBytes = std::size_t{4} << 20;

  // `wake` is called from inside the source's write() when text becomes pending, and when the
  // source ends. It must not write to a source, nor destroy a subscription.
  LogSubscription(LogSource& source, std::function<void()> wake);

  // All that is pending, the oldest first; empty: nothing.
  std::string take();
  // The source is gone (its model was removed); no text will come any more.
  bool ended() const { return ended_; }

 private:
  friend class LogSource;
  void add(std::string_view data);

  std::function<void()> wake_;
  std::string pending_;
  std::size_t chunks_ = 0;   // in pending_
  std::size_t dropped_ = 0;  // bytes, since pending_ was full
  bool ended_ = false;
};

class LogSource {
 public:
  static constexpr std::size_t kHistory = 102'400;  // bytes

  LogSource() = default;
  ~LogSource();
  LogSource(const LogSource&) = delete;
  LogSource& operator=(const LogSource&) = delete;

  void write(std::string_view data);
  std::string history() const { return ring_.text(); }

 private:
  friend class LogSubscription;
  util::ByteRing ring_{kHistory};
  boost::intrusive::list<LogSubscription, boost::intrusive::constant_time_size<false>> followers_;
};

}  // namespace llama_swap::observe
