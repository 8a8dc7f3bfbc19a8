// The words the scheduler speaks in: names by number, and a machine-readable reason for everything
// it does.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace llama_swap::sched {

// A configured model. An index given out by the owner of the scheduler; a model keeps its number
// through reloads.
using ModelId = std::uint32_t;
// A started thing of a model. A serial number, never reused; 0: none.
using InstanceId = std::uint64_t;
// A set of models: sorted, no duplicates.
using Models = std::vector<ModelId>;

enum class WaitReason {
  load,       // its own model is being loaded
  stop,       // its own model will be loaded once those it displaces are gone
  queue,      // another swap is in progress and conflicts
  busy,       // a model that must make room has requests in flight
  overdue,    // a conflicting request has waited too long and is next
  residency,  // a model that must make room was loaded too recently
  stuck,      // a model that must be gone does not go although it was killed
};
enum class StartReason { request, preload };
enum class StopReason {
  evicted,    // makes room for another model
  ttl,        // was not used for its time to live
  unload,     // somebody asked for it
  reload,     // its launch settings changed
  removed,    // no longer configured
  abandoned,  // nobody waits for this load any more, others wait for its end
  shutdown,   // the program ends
};
// How a swap, "stop those displaced, then make the target ready", ended.
enum class SwapEnd {
  ready,
  start_failed,
  unloaded,       // its model was unloaded, or is no longer configured
  shutting_down,  // the program ends
  abandoned,      // nobody waited for it any more
  requeued,       // it could not go on; who waits is in the queue again
};
enum class RefuseReason {
  shutting_down,
  unknown_model,
  too_many,      // over the concurrency limit
  start_failed,  // carries the launcher's message
  unloaded,
};

std::string_view text(WaitReason reason);
std::string_view text(StartReason reason);
std::string_view text(StopReason reason);
std::string_view text(SwapEnd end);
std::string_view text(RefuseReason reason);

}  // namespace llama_swap::sched
