// How much memory the processes of model servers take.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace llama_swap::observe {

// Of one instance: all processes of its tree together. Devices by UUID (NVIDIA) or PCI address;
// those it takes nothing of are missing.
struct InstanceMemory {
  std::int64_t resident_bytes = 0;
  std::map<std::string, std::int64_t> device_bytes;
  bool operator==(const InstanceMemory&) const = default;
};

// By serial number of the instance; those of whom nothing is known (yet) are missing.
using ModelMemory = std::map<std::uint64_t, InstanceMemory>;

}  // namespace llama_swap::observe
