#include "server/own_metrics.h"

#include "observe/prometheus_text.h"

namespace llama_swap::server {
namespace {

using observe::PrometheusText;

// `id`: of a model, of a peer, or of both; else nobody's in particular.
bool sees_series(const config::Config& config, const Sight& sight, const std::string& id) {
  const bool is_model = config.models.contains(id);
  const auto peer = config.peers.find(id);
  if (peer != config.peers.end() && !sight.sees_all_of(peer->second)) return false;
  return is_model ? sight.sees(id) : peer != config.peers.end();
}

void add_requests(PrometheusText& text, const Core& core, const Sight& sight) {
  if (sight.all()) return core.metrics.write(text);
  core.metrics.write(
      text, [&](const std::string& id) { return sees_series(core.site->config(), sight, id); });
}

void add_models(PrometheusText& text, const Core& core, const Sight& sight) {
  std::vector<swap::ModelStatus> models = core.deps.actor.status();
  if (!sight.all())
    std::erase_if(models, [&](const swap::ModelStatus& model) { return !sight.sees(model.id); });
  text.family("model_state", "gauge", "1 for the state that a model is in, 0 for the others.");
  for (const swap::ModelStatus& model : models) {
    for (const swap::State state :
         {swap::State::stopped, swap::State::starting, swap::State::ready, swap::State::stopping}) {
      text.sample({{"model", model.id}, {"state", swap::state_text(state)}},
                  model.state == state ? 1 : 0);
    }
  }
  text.family("requests_in_flight", "gauge", "Requests that a model is serving.");
  for (const swap::ModelStatus& model : models) text.sample({{"model", model.id}}, model.in_flight);
  text.family("requests_waiting", "gauge", "Requests that wait for a model: its load or a turn.");
  for (const swap::ModelStatus& model : models) text.sample({{"model", model.id}}, model.waiting);
  if (!sight.all()) return;
  text.single("queue_length", "gauge",
              "Requests and preloads of all models that wait for their turn.",
              core.deps.actor.queue_length());
}

void add_memory(PrometheusText& text, const Core& core, const Sight& sight) {
  if (!core.deps.memory) return;
  const auto each = [&core, &sight](auto use) {
    for (const swap::InstanceStatus& instance : core.deps.actor.instances()) {
      if (!sight.all() && !sight.sees(instance.model)) continue;
      const auto found = core.deps.memory->find(instance.instance);
      if (found != core.deps.memory->end()) use(instance.model, found->second);
    }
  };
  text.family("model_memory_resident_bytes", "gauge",
              "Memory of the host that the processes of a model have resident.");
  each([&](const std::string& model, const observe::InstanceMemory& memory) {
    text.sample({{"model", model}}, memory.resident_bytes);
  });
  text.family("model_memory_device_bytes", "gauge",
              "Memory of a device that the processes of a model have.");
  each([&](const std::string& model, const observe::InstanceMemory& memory) {
    for (const auto& [device, bytes] : memory.device_bytes)
      text.sample({{"model", model}, {"device", device}}, bytes);
  });
}

void add_activity(PrometheusText& text, const store::ActivityStore& activity) {
  const store::StoreHealth health = activity.health();
  text.single("activity_rows_stored_total", "counter", "Rows written to the activity database.",
              health.stored);
  text.single("activity_rows_dropped_total", "counter",
              "Rows that found the buffer of the activity database full.", health.dropped);
  text.single("activity_rows_waiting", "gauge",
              "Rows that are not written to the activity database yet.", health.waiting);
  text.single("activity_writable", "gauge",
              "Whether the activity database could be written to the last time.",
              health.writing ? 1 : 0);
}

void add_build(PrometheusText& text, const Version& version) {
  text.family("build_info", "gauge", "Always 1; which program this is.");
  text.sample({{"version", version.version}, {"commit", version.commit}}, 1);
}

void add_program(PrometheusText& text, const Core& core) {
  const auto since = core.began.time_since_epoch();
  text.single("process_start_time_seconds", "gauge", "When the program started, in Unix time.",
              std::chrono::duration<double>(since).count());
  text.single("open_streams", "gauge", "Streams of events and logs that clients listen to.",
              core.streams.open.size());
  if (core.deps.connections)
    text.single("client_connections", "gauge", "Open connections of clients.",
                core.deps.connections());
}

}  // namespace

std::string own_metrics(const Core& core, const Sight& sight) {
  PrometheusText text;
  add_requests(text, core, sight);
  add_models(text, core, sight);
  add_memory(text, core, sight);
  if (core.activity && sight.all()) add_activity(text, *core.activity);
  add_build(text, core.deps.version);
  if (sight.all()) add_program(text, core);
  return text.take();
}

void count(observe::ModelMetrics& metrics, const swap::News& news) {
  if (const auto* swap = std::get_if<swap::SwapBegan>(&news)) {
    if (!swap->displaced.empty()) metrics.displaced_others(swap->model, swap->reason);
    return;
  }
  const auto* const instance = std::get_if<swap::InstanceNews>(&news);
  if (!instance) return;
  switch (instance->what) {
    case swap::InstanceNews::What::started:
      return metrics.started(instance->model, instance->reason);
    case swap::InstanceNews::What::ready:
      return metrics.ready(instance->model, instance->duration);
    case swap::InstanceNews::What::failed:
      return metrics.start_failed(instance->model);
    case swap::InstanceNews::What::stopping:
      return metrics.stopped(instance->model, instance->reason);
    case swap::InstanceNews::What::exited:
      return metrics.crashed(instance->model);
    case swap::InstanceNews::What::stuck:
    case swap::InstanceNews::What::gone:
      return;
  }
}

}  // namespace llama_swap::server
