// GET /api/instances: what runs, as processes.
#include "server/answer.h"
#include "server/context.h"
#include "server/event_state.h"

namespace llama_swap::server {
namespace {

// null: not measured, or not yet.
Json memory_json(const Core& core, std::uint64_t serial) {
  if (!core.deps.memory) return nullptr;
  const auto found = core.deps.memory->find(serial);
  if (found == core.deps.memory->end()) return nullptr;
  Json devices = Json::array();
  for (const auto& [device, bytes] : found->second.device_bytes)
    devices.push_back({{"device", device}, {"bytes", bytes}});
  return {{"resident_bytes", found->second.resident_bytes}, {"devices", std::move(devices)}};
}

Json full_json(const Core& core, const swap::InstanceStatus& instance) {
  Json out = instance_json(instance);
  out["state"] = swap::state_text(instance.state);
  out["in_flight"] = instance.in_flight;
  out["memory"] = memory_json(core, instance.instance);
  return out;
}

net::Awaitable<void> instances(Call& call) {
  Json list = Json::array();
  for (const swap::InstanceStatus& instance : call.core.deps.actor.instances())
    if (call.caller.may_use(instance.model)) list.push_back(full_json(call.core, instance));
  Json out{{"instances", std::move(list)}};
  co_await send_json(call.exchange, std::move(out));
}

}  // namespace

Routes instance_routes() {
  return {{"GET", "/api/instances", instances, Access::operating}};
}

}  // namespace llama_swap::server
