// Lines from a pipe or a socket, with a deadline. One thread at a time.
#pragma once

#include <string>

#include "monitor/stop_signal.h"
#include "util/result.h"

namespace llama_swap::monitor {

class LineReader {
 public:
  static constexpr std::size_t kMaxLine = 1 << 20;

  // `fd` stays the caller's; both must outlive it.
  LineReader(const StopSignal& stop, int fd) : stop_(stop), fd_(fd) {}

  // Without its line feed. Errors: closed (the other side has ended; a last line without line feed
  // comes before that), timed_out, cancelled (stopped), too_large, io.
  util::Result<std::string> next(util::Time deadline);
  // All that comes until the end. The same errors, without `closed`.
  util::Result<std::string> rest(util::Time deadline);

 private:
  util::Result<bool> fill(util::Time deadline);  // false: there is no more

  const StopSignal& stop_;
  const int fd_;
  std::string text_;  // read, not yet taken
};

}  // namespace llama_swap::monitor
