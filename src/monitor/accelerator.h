// The devices of this machine that compute, beside its CPU (runtime 16).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/child.h"
#include "monitor/nvml.h"

namespace llama_swap::monitor {

enum class MemoryKind { unknown, dedicated, unified, shared_system };

// "" and nothing: not known.
struct Accelerator {
  std::string pci;   // normalized_pci()
  std::string uuid;  // names the device where there is no address
  std::string vendor;
  std::string model;
  std::string architecture;
  MemoryKind memory_kind = MemoryKind::unknown;
  std::optional<std::int64_t> memory_bytes;
  std::string driver;
  std::string driver_version;
  std::optional<double> power_limit_w;
};
using Accelerators = std::vector<Accelerator>;

// Devices of one address (or, without one, of one uuid) are one: what the first source says wins,
// later ones fill the gaps. In the order of addresses, then models.
Accelerators merged(const std::vector<Accelerators>& sources);

// Runs a tool and gives its output; "" if there is none, or it failed.
using Ask = std::function<std::string(const Argv&)>;

// The sources, in the order of preference. Devices of NVIDIA that do not say how much memory they
// have share that of the system, `system_bytes`.
Accelerators ask_nvidia_smi(const Ask& ask, std::int64_t system_bytes);
Accelerators ask_nvml(Nvml& nvml, std::int64_t system_bytes);
Accelerators ask_rocm_smi(const Ask& ask);
Accelerators read_kfd(const std::filesystem::path& root = "/");
Accelerators read_drm(const std::filesystem::path& root = "/");

}  // namespace llama_swap::monitor
