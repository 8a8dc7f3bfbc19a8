// How generations of GPUs are called (runtime 16).
#pragma once

#include <cstdint>
#include <string>

namespace llama_swap::monitor {

// By CUDA compute capability: "Hopper"; "" = not known.
std::string nvidia_architecture(int major, int minor);
// By gfx_target_version of the kernel's KFD: 90010 is "gfx90a"; "" below 10000.
std::string amd_architecture(std::int64_t target_version);

}  // namespace llama_swap::monitor
