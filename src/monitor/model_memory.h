// The memory of model servers: what their processes have resident, and take of devices.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "monitor/child.h"
#include "monitor/nvml.h"
#include "monitor/process_memory.h"
#include "observe/model_memory.h"

namespace llama_swap::monitor {

// Asks nvidia-smi once about the processes that compute.
Argv nvidia_smi_processes();
// What it answers; lines without a number of MiB ("[N/A]": the driver cannot say) are left out.
std::vector<ProcessOnDevice> parse_nvidia_smi_processes(std::string_view text);

// One thread at a time. Blocks, as drivers and their tools may for ever: a DetachedThread's work.
class MemoryReader {
 public:
  explicit MemoryReader(std::filesystem::path proc = "/proc",
                        const char* nvml_library = kNvmlLibrary)
      : proc_(std::move(proc)), nvml_library_(nvml_library) {}

  // Of trees in which there is a process. NVIDIA's devices are asked through NVML, and where that
  // cannot be had through nvidia-smi, as that is a process each time. A device in the hands of a
  // process that is no descendant (a container) is not seen.
  observe::ModelMemory read(std::span<const ProcessTree> trees, const StopSignal& stop);

 private:
  std::vector<ProcessOnDevice> on_nvidia(const StopSignal& stop);

  const std::filesystem::path proc_;
  const char* const nvml_library_;
  bool tried_nvml_ = false;
  std::optional<Nvml> nvml_;
};

}  // namespace llama_swap::monitor
