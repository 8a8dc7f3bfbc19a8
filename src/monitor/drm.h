// Linux: GPUs as the kernel's own drivers show them in /sys: amdgpu, i915, xe, nouveau. Blocks; one
// thread at a time.
#pragma once

#include <filesystem>
#include <map>
#include <vector>

#include "monitor/device_sample.h"
#include "util/time.h"

namespace llama_swap::monitor {

class DrmReader {
 public:
  explicit DrmReader(std::filesystem::path sys = "/sys") : sys_(std::move(sys)) {}

  // Of each card. What some drivers only count (energy, idle time) is told from the second call on,
  // as the mean since the one before.
  std::vector<DeviceSample> read(util::Time now);

 private:
  struct Counters {
    util::Time at;
    std::optional<std::int64_t> energy_uj;
    std::optional<std::int64_t> idle_ms;
  };

  const std::filesystem::path sys_;
  std::map<int, Counters> before_;  // by number of the card
};

}  // namespace llama_swap::monitor
