#include <vector>

#include "observe/performance.h"
#include "observe/prometheus_text.h"

namespace llama_swap::observe {
namespace {

constexpr std::int64_t kBytesPerMib = 1 << 20;

void add_system(PrometheusText& text, const SystemSample& s) {
  text.family("cpu_util_percent", "gauge", "CPU utilization by logical core, in percent.");
  for (std::size_t core = 0; core < s.cpu_percent.size(); ++core)
    text.sample({{"core", std::to_string(core)}}, s.cpu_percent[core]);
  const auto memory = [&text](std::string_view name, std::string_view help, std::int64_t mib) {
    text.single(name, "gauge", help, mib * kBytesPerMib);
  };
  memory("memory_total_bytes", "Memory of the machine.", s.memory_total_mib);
  memory("memory_used_bytes", "Memory in use.", s.memory_used_mib);
  memory("memory_free_bytes", "Memory without any use.", s.memory_free_mib);
  memory("swap_total_bytes", "Swap space.", s.swap_total_mib);
  memory("swap_used_bytes", "Swap space in use.", s.swap_used_mib);
  text.family("load_average", "gauge", "Load average of the machine.");
  text.sample({{"interval", "1m"}}, s.load_1);
  text.sample({{"interval", "5m"}}, s.load_5);
  text.sample({{"interval", "15m"}}, s.load_15);
  if (s.network.empty()) return;
  text.family("network_bytes_total", "counter", "Bytes received and sent by network interface.");
  for (const NetworkCounters& n : s.network) {
    text.sample({{"interface", n.interface}, {"direction", "recv"}}, n.bytes_received);
    text.sample({{"interface", n.interface}, {"direction", "sent"}}, n.bytes_sent);
  }
}

void add_gpus(PrometheusText& text, const std::map<int, GpuSample>& gpus) {
  const auto family = [&](std::string_view name, std::string_view help, auto value) {
    text.family(name, "gauge", help);
    for (const auto& [id, gpu] : gpus) {
      const std::string number = std::to_string(gpu.id);
      std::vector<Label> labels{{"id", number}};
      if (!gpu.name.empty()) labels.push_back({"name", gpu.name});
      if (!gpu.uuid.empty()) labels.push_back({"uuid", gpu.uuid});
      text.sample("", labels, value(gpu));
    }
  };
  using Gpu = const GpuSample&;
  family("gpu_temperature_celsius", "Temperature of the GPU.",
         [](Gpu g) { return g.temperature_c; });
  family("gpu_vram_temperature_celsius", "Temperature of the GPU's memory.",
         [](Gpu g) { return g.vram_temperature_c; });
  family("gpu_util_percent", "GPU utilization, in percent.", [](Gpu g) { return g.busy_percent; });
  family("gpu_memory_util_percent", "Share of the GPU's memory that is in use, in percent.",
         [](Gpu g) { return g.memory_percent(); });
  family("gpu_memory_used_bytes", "GPU memory in use.",
         [](Gpu g) { return g.memory_used_mib * kBytesPerMib; });
  family("gpu_memory_total_bytes", "Memory of the GPU.",
         [](Gpu g) { return g.memory_total_mib * kBytesPerMib; });
  family("gpu_fan_speed_percent", "Fan speed, in percent.", [](Gpu g) { return g.fan_percent; });
  family("gpu_power_draw_watts", "Power draw of the GPU.", [](Gpu g) { return g.power_w; });
}

}  // namespace

std::string metrics_text(const SystemSample* system, const std::map<int, GpuSample>& gpus) {
  PrometheusText text;
  if (system) add_system(text, *system);
  if (!gpus.empty()) add_gpus(text, gpus);
  return text.take();
}

}  // namespace llama_swap::observe
