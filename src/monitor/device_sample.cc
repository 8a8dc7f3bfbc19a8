#include "monitor/device_sample.h"

#include <algorithm>

namespace llama_swap::monitor {
namespace {

void fill_gaps(DeviceSample& device, const DeviceSample& from) {
  const auto text = [](std::string& mine, const std::string& other) {
    if (mine.empty()) mine = other;
  };
  const auto value = [](auto& mine, const auto& other) {
    if (!mine) mine = other;
  };
  text(device.name, from.name);
  text(device.uuid, from.uuid);
  value(device.temperature_c, from.temperature_c);
  value(device.vram_temperature_c, from.vram_temperature_c);
  value(device.busy_percent, from.busy_percent);
  value(device.memory_used_mib, from.memory_used_mib);
  value(device.memory_total_mib, from.memory_total_mib);
  value(device.fan_percent, from.fan_percent);
  value(device.power_w, from.power_w);
}

}  // namespace

std::vector<observe::GpuSample> merged(const std::vector<std::vector<DeviceSample>>& sources) {
  std::vector<DeviceSample> devices;
  for (const auto& source : sources)
    for (const DeviceSample& device : source) {
      const auto same = std::ranges::find_if(devices, [&](const DeviceSample& known) {
        return !device.pci.empty() && known.pci == device.pci;
      });
      if (same == devices.end())
        devices.push_back(device);
      else
        fill_gaps(*same, device);
    }
  std::erase_if(devices, [](const DeviceSample& device) { return !device.says_something(); });
  std::ranges::stable_sort(devices, {}, &DeviceSample::pci);

  std::vector<observe::GpuSample> out;
  for (const DeviceSample& device : devices) {
    observe::GpuSample gpu;
    gpu.id = static_cast<int>(out.size());
    gpu.name = device.name;
    gpu.uuid = device.uuid.empty() ? device.pci : device.uuid;
    gpu.temperature_c = device.temperature_c.value_or(0);
    gpu.vram_temperature_c = device.vram_temperature_c.value_or(0);
    gpu.busy_percent = device.busy_percent.value_or(0);
    gpu.memory_used_mib = device.memory_used_mib.value_or(0);
    gpu.memory_total_mib = device.memory_total_mib.value_or(0);
    gpu.fan_percent = device.fan_percent.value_or(0);
    gpu.power_w = device.power_w.value_or(0);
    out.push_back(std::move(gpu));
  }
  return out;
}

}  // namespace llama_swap::monitor
