// What was measured of a device that we look at ourselves, without a vendor's tool, and how what
// several sources say about the same device becomes one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "observe/gpu_sample.h"

namespace llama_swap::monitor {

struct DeviceSample {
  std::string pci;  // normalized_pci(); "" = unknown
  std::string name;
  std::string uuid;
  // Nothing: the device does not tell.
  std::optional<int> temperature_c;
  std::optional<int> vram_temperature_c;
  std::optional<double> busy_percent;
  std::optional<std::int64_t> memory_used_mib;
  std::optional<std::int64_t> memory_total_mib;
  std::optional<double> fan_percent;
  std::optional<double> power_w;

  bool says_something() const {
    return temperature_c || busy_percent || memory_used_mib || memory_total_mib || power_w;
  }
};

// Devices of the same address are one: what the first source says wins, later ones fill the gaps.
// In the order of addresses, which gives the ids; those that say nothing are left out.
std::vector<observe::GpuSample> merged(const std::vector<std::vector<DeviceSample>>& sources);

}  // namespace llama_swap::monitor
