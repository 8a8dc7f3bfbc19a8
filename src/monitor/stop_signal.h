// Ends the waits of a thread from another one. Every wait of this folder is one on a StopSignal.
#pragma once

#include "util/time.h"

namespace llama_swap::monitor {

class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // For good; from any thread.
  void raise();
  bool raised() const;

  enum class Wake { ready, late, stopped };
  // Until poll(2) reports one of `events` (or an error, or a hang-up) of `fd`; < 0: there is none.
  Wake wait(int fd, short events, util::Time deadline) const;
  // False: stopped.
  bool sleep_until(util::Time deadline) const { return wait(-1, 0, deadline) != Wake::stopped; }

 private:
  int fd_;
};

}  // namespace llama_swap::monitor
