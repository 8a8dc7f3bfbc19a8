// What nvidia-smi writes about its GPUs (runtime 17.3).
#pragma once

#include <optional>
#include <string_view>

#include "monitor/child.h"
#include "observe/gpu_sample.h"

namespace llama_swap::monitor {

// Writes one line per GPU, every `every` (whole seconds, at least one), until it is ended.
Argv nvidia_smi_loop(util::Millis every);

// One of its lines. A field that is no number ("[N/A]": the device cannot say) counts as 0. Nothing
// for a line with fewer fields than were asked for.
std::optional<observe::GpuSample> parse_nvidia_smi(std::string_view line);

}  // namespace llama_swap::monitor
