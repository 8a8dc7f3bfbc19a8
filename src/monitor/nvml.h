// NVIDIA's management library, where the driver has brought it along: what nvidia-smi asks, without
// a process. It is opened at run time and described by NVIDIA's NVML API reference; the few
// declarations that we need are in nvml.cc. Calls may wait for the driver: blocks; one thread at a
// time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/device_sample.h"
#include "util/result.h"

namespace llama_swap::monitor {

inline constexpr const char* kNvmlLibrary = "libnvidia-ml.so.1";

// What does not change.
struct NvmlDevice {
  std::string pci;
  std::string name;
  std::string uuid;
  std::string architecture;                  // "" = unknown
  std::optional<std::int64_t> memory_bytes;  // nothing: it shares that of the system
  std::optional<double> power_limit_w;
};

// Memory of a device that a process has.
struct ProcessOnDevice {
  pid_t pid = 0;
  std::string device;  // its UUID
  std::int64_t bytes = 0;
  bool operator==(const ProcessOnDevice&) const = default;
};

class Nvml {
 public:
  // Errors: not_found (no such library), unavailable (it does not find its driver).
  static util::Result<Nvml> open(const char* library = kNvmlLibrary);
  Nvml(Nvml&&) noexcept;
  Nvml& operator=(Nvml&&) = delete;
  ~Nvml();

  // Devices that fall off the bus are left out.
  std::vector<DeviceSample> read();
  std::vector<NvmlDevice> devices();
  // Those that compute, and of which the driver knows how much they have.
  std::vector<ProcessOnDevice> processes();
  std::string driver_version();  // "" = unknown

 private:
  struct Library;
  explicit Nvml(std::unique_ptr<Library> library);
  std::unique_ptr<Library> library_;
};

}  // namespace llama_swap::monitor
