#include "server/event_state.h"

#include "util/timestamp.h"

namespace llama_swap::server {
namespace {

std::int64_t milliseconds(util::Clock::duration time) {
  return std::chrono::duration_cast<util::Millis>(time).count();
}

}  // namespace

std::string wall_time(util::Time at) {
  const auto ago =
      std::chrono::duration_cast<std::chrono::system_clock::duration>(util::Clock::now() - at);
  return util::rfc3339(std::chrono::system_clock::now() - ago);
}

Json wait_json(const swap::Wait& wait, bool reduced) {
  Json out{{"reason", wait.reason}, {"place", wait.position}};
  if (!reduced) out["blockers"] = wait.blockers;
  out["since"] = wall_time(wait.since);
  if (wait.expected_at) out["expected_at"] = wall_time(*wait.expected_at);
  return out;
}

Json waiter_json(const swap::Waiter& waiter, bool reduced) {
  Json out{{"id", std::to_string(waiter.number)}, {"model", waiter.model}};
  if (waiter.tag != 0) out["inflight_id"] = std::to_string(waiter.tag);
  out.update(wait_json(waiter.wait, reduced));
  out["priority"] = waiter.priority;
  out["overdue"] = waiter.overdue;
  out["preload"] = waiter.preload;
  return out;
}

Json swap_json(const swap::SwapStatus& swap, bool reduced) {
  Json out{{"model", swap.model}, {"reason", swap.reason}};
  if (!reduced) out["displaces"] = swap.displaced;
  out["since"] = wall_time(swap.began);
  return out;
}

Json instance_json(const swap::InstanceStatus& instance) {
  Json out{{"model", instance.model}, {"serial", instance.instance}};
  if (instance.pid > 0) out["pid"] = instance.pid;
  out["reason"] = instance.reason;
  out["started_at"] = wall_time(instance.started);
  if (instance.ready) {
    out["ready_at"] = wall_time(*instance.ready);
    out["load_ms"] = milliseconds(*instance.ready - instance.started);
  }
  if (instance.stuck) out["stuck"] = true;
  return out;
}

}  // namespace llama_swap::server
