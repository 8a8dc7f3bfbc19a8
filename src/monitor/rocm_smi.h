// What rocm-smi writes about its GPUs (runtime 17.3).
#pragma once

#include <string_view>
#include <vector>

#include "monitor/child.h"
#include "observe/gpu_sample.h"

namespace llama_swap::monitor {

// Writes a table of all GPUs, once.
Argv rocm_smi_once();

// That table: a header line that begins with "device,", then one line per GPU. Which columns there
// are, and where, depends on the version and on the device.
std::vector<observe::GpuSample> parse_rocm_smi(std::string_view output);

}  // namespace llama_swap::monitor
