// Watches GPUs, on the thread that calls it.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "config/config.h"
#include "monitor/gpu_source.h"

namespace llama_swap::monitor {

struct GpuHooks {
  std::function<void(std::vector<observe::GpuSample>)> samples;  // with their time
  std::function<void(config::LogLevel, std::string)> log;
};

// How long to wait before a source that has ended is asked again: doubled from `first` to `most`,
// and `first` again once one has worked for as long as `most`.
struct Pause {
  util::Millis first{1000};
  util::Millis most{60'000};
};

// Returns when stopped, or at once where no source is present. The first of `sources` that works is
// the one for all time; while none does, those that are present are tried again.
void watch_gpus(const StopSignal& stop, util::Millis every, const GpuHooks& hooks,
                std::span<const GpuSource> sources = gpu_sources(), Pause pause = {});

}  // namespace llama_swap::monitor
