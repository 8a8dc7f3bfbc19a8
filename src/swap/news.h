// What happens to models and their instances, for whoever watches. Plain values; reasons are the
// scheduler's words, unchanged (sched/types.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "util/time.h"

namespace llama_swap::swap {

enum class State { stopped, starting, ready, stopping };

// A model changed its state.
struct StateChange {
  std::string model;
  State before = State::stopped;
  State now = State::stopped;
  // Of the start ("request", "preload") or of the stop ("evicted", "ttl", ...), or "start_failed",
  // or "exited": it ended unasked.
  std::string reason;
};

// A swap is: `displaced` must be gone, then `model` is made ready. Each ends once.
struct SwapBegan {
  std::string model;
  std::vector<std::string> displaced;  // in alphabetical order; may be empty
  std::string reason;                  // "request", "preload"
};
struct SwapEnded {
  std::string model;
  std::string outcome;  // "ready", "start_failed", "unloaded", "abandoned", ...
  util::Millis duration{0};
};

// Something became of one launch of a model.
struct InstanceNews {
  enum class What {
    started,   // `reason`: why
    ready,     // `duration`: of the load
    failed,    // it did not become ready; `text`: why, as its clients are told
    exited,    // it was ready, and ended unasked; `text`: how
    stopping,  // `reason`: why. May come again with "shutdown"
    stuck,     // it was killed, but does not go
    gone,      // nothing is left of it; always the last
  };
  What what = What::started;
  std::string model;
  std::uint64_t instance = 0;  // serial number, never reused
  pid_t pid = 0;               // of its command; 0: not known (yet, or any more)
  std::string reason;
  std::string text;
  util::Millis duration{0};  // since its start
};

using News = std::variant<StateChange, SwapBegan, SwapEnded, InstanceNews>;

// What is there now.
struct InstanceStatus {
  std::string model;
  std::uint64_t instance = 0;
  State state = State::stopped;
  pid_t pid = 0;        // 0: not known
  pid_t tree_root = 0;  // process::Instance::tree_root()
  util::Time started;
  std::optional<util::Time> ready;  // nothing: it has not been
  std::string reason;               // of its start or stop, as in StateChange
  bool stuck = false;
  int in_flight = 0;
};
struct SwapStatus {
  std::string model;
  std::vector<std::string> displaced;
  std::string reason;
  util::Time began;
};

}  // namespace llama_swap::swap
