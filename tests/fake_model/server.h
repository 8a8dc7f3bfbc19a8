// What all threads of the server share.
#pragma once

#include <atomic>

#include "connection.h"
#include "options.h"
#include "recorder.h"

namespace fake_model {

struct Server {
  Server(const Options& o, const Recorder& r) : options(o), recorder(r) {}

  const Options& options;
  const Recorder& recorder;
  const Clock::time_point started = Clock::now();
  Freezer freezer;
  std::atomic<int> requests{0};     // so far
  std::atomic<int> connections{0};  // so far
  std::atomic<int> in_flight{0};    // notified when it falls
};

}  // namespace fake_model
