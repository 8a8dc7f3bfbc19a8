#include <fmt/format.h>

#include <iterator>

#include "observe/performance.h"

namespace llama_swap::observe {
namespace {

constexpr std::int64_t kBytesPerMib = 1 << 20;

std::string escaped(std::string_view label_value) {
  std::string out;
  for (const char c : label_value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

class Text {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(std::back_inserter(out_), "# HELP llamaswap_{0} {1}\n# TYPE llamaswap_{0} {2}\n",
                   name, help, type);
  }
  // `labels` with their braces, or "".
  template <class Number>
  void sample(std::string_view labels, Number value) {
    fmt::format_to(std::back_inserter(out_), "llamaswap_{}{} {}\n", name_, labels, value);
  }
  template <class Number>
  void single(std::string_view name, std::string_view help, Number value) {
    family(name, "gauge", help);
    sample("", value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::string_view name_;
};

void add_system(Text& text, const SystemSample& s) {
  text.family("cpu_util_percent", "gauge", "CPU utilization by logical core, in percent.");
  for (std::size_t core = 0; core < s.cpu_percent.size(); ++core)
    text.sample(fmt::format(R"({{core="{}"}})", core), s.cpu_percent[core]);
  text.single("memory_total_bytes", "Memory of the machine.", s.memory_total_mib * kBytesPerMib);
  text.single("memory_used_bytes", "Memory in use.", s.memory_used_mib * kBytesPerMib);
  text.single("memory_free_bytes", "Memory without any use.", s.memory_free_mib * kBytesPerMib);
  text.single("swap_total_bytes", "Swap space.", s.swap_total_mib * kBytesPerMib);
  text.single("swap_used_bytes", "Swap space in use.", s.swap_used_mib * kBytesPerMib);
  text.family("load_average", "gauge", "Load average of the machine.");
  text.sample(R"({interval="1m"})", s.load_1);
  text.sample(R"({interval="5m"})", s.load_5);
  text.sample(R"({interval="15m"})", s.load_15);
  if (s.network.empty()) return;
  text.family("network_bytes_total", "counter", "Bytes received and sent by network interface.");
  for (const NetworkCounters& n : s.network) {
    const std::string name = escaped(n.interface);
    text.sample(fmt::format(R"({{interface="{}",direction="recv"}})", name), n.bytes_received);
    text.sample(fmt::format(R"({{interface="{}",direction="sent"}})", name), n.bytes_sent);
  }
}

std::string labels_of(const GpuSample& gpu) {
  std::string out = fmt::format(R"({{id="{}")", gpu.id);
  const auto add = [&out](std::string_view label, std::string_view value) {
    if (!value.empty())
      fmt::format_to(std::back_inserter(out), R"(,{}="{}")", label, escaped(value));
  };
  add("name", gpu.name);
  add("uuid", gpu.uuid);
  return out += '}';
}

void add_gpus(Text& text, const std::map<int, GpuSample>& gpus) {
  const auto family = [&](std::string_view name, std::string_view help, auto value) {
    text.family(name, "gauge", help);
    for (const auto& [id, gpu] : gpus) text.sample(labels_of(gpu), value(gpu));
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
  Text text;
  if (system) add_system(text, *system);
  if (!gpus.empty()) add_gpus(text, gpus);
  return text.take();
}

}  // namespace llama_swap::observe
