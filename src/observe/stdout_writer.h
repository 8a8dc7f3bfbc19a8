// Log text on its way to standard output. Whatever happens there (a terminal on hold, a full disk,
// a reader that left), it never stalls the caller: text goes into a bounded queue which a thread of
// its own empties.
//
// The thread writes the first text after a pause at once and then gathers for a moment, so that a
// busy log costs one write for many lines. What finds the queue full is dropped and counted; a
// marker line stands in its place. A descriptor that proves closed (EPIPE, EBADF) is never tried
// again. SIGPIPE must be ignored by the process.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace llama_swap::observe {

class StdoutWriter {
 public:
  static constexpr std::size_t kMaxQueued = std::size_t{1} << 20;  // bytes

  // The descriptor stays the caller's and must stay open as long as the process may still write: a
  // thread that is stuck in write(2) is left behind.
  explicit StdoutWriter(int fd);
  // flush() with a budget of one second; what then is left is lost.
  ~StdoutWriter();
  StdoutWriter(const StdoutWriter&) = delete;
  StdoutWriter& operator=(const StdoutWriter&) = delete;

  // What stands in place of dropped text, which began and ended wherever; plain_gap if not set.
  using GapText = std::string (*)(std::size_t bytes);
  static std::string plain_gap(std::size_t bytes);
  void set_gap_text(GapText text);

  // Never blocks, never fails. `text` is taken or dropped as a whole. Any thread.
  void write(std::string_view text);
  // Waits until everything written so far has left, or the budget is spent. True: all is out (or
  // the descriptor is closed).
  bool flush(std::chrono::milliseconds budget);
  // The descriptor proved closed.
  bool closed() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with the thread, which may have to be left behind
};

}  // namespace llama_swap::observe
