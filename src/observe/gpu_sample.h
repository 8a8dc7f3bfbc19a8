// What is known of one GPU at one moment. Zero where the device, or who was asked, does not say.
#pragma once

#include <cstdint>
#include <string>

#include "observe/system_sample.h"

namespace llama_swap::observe {

struct GpuSample {
  WallTime at;
  int id = 0;  // as the source numbers them
  std::string name;
  std::string uuid;
  int temperature_c = 0;
  int vram_temperature_c = 0;
  double busy_percent = 0;
  std::int64_t memory_used_mib = 0;
  std::int64_t memory_total_mib = 0;
  double fan_percent = 0;
  double power_w = 0;

  double memory_percent() const {
    return memory_total_mib > 0 ? 100.0 * static_cast<double>(memory_used_mib) /
                                      static_cast<double>(memory_total_mib)
                                : 0;
  }
};

}  // namespace llama_swap::observe
