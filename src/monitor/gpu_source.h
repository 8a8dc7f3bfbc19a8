// The ways to learn about GPUs (runtime 17.3). Each runs on the thread of the monitor until it
// fails or is stopped.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "monitor/stop_signal.h"
#include "observe/gpu_sample.h"
#include "util/result.h"
#include "util/time.h"

namespace llama_swap::monitor {

struct Watch {
  const StopSignal& stop;
  util::Millis every;
  // Takes samples of one moment, which are complete but for their time.
  std::function<void(std::vector<observe::GpuSample>)> deliver;
};

struct GpuSource {
  const char* name;
  // Whether there is something to ask. Cheap.
  bool (*present)();
  // Delivers the first samples at once and further ones every `every`. Returns why it ended; code
  // cancelled if it was stopped.
  util::Error (*run)(const Watch& watch);
};

// In the order of preference.
std::span<const GpuSource> gpu_sources();

// The last of them: what NVML and the kernel's drivers tell everybody. Exposed for the test.
util::Error watch_devices(const Watch& watch, const std::filesystem::path& sys,
                          const char* nvml_library);

}  // namespace llama_swap::monitor
