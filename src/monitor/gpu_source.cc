#include "monitor/gpu_source.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "monitor/child.h"
#include "monitor/device_sample.h"
#include "monitor/drm.h"
#include "monitor/lact.h"
#include "monitor/line_reader.h"
#include "monitor/nvidia_smi.h"
#include "monitor/nvml.h"
#include "monitor/rocm_smi.h"
#include "monitor/sysfs.h"

namespace llama_swap::monitor {
namespace {

using util::Errc;
using util::Error;

constexpr std::chrono::seconds kRocmTimeout{5};
// A driver that has to be loaded first takes that long; a tool that is silent for longer hangs.
constexpr std::chrono::seconds kNvidiaSilence{60};

const Error kStopped{Errc::cancelled, "stopped"};

// Calls `sample` at once and then every `every`; ends with the error that it gives back.
template <class Sample>
Error repeat(const Watch& watch, Sample sample) {
  for (util::Time next = util::Clock::now();;) {
    if (const std::optional<Error> error = sample()) return *error;
    next = std::max(next + watch.every, util::Clock::now());
    if (!watch.stop.sleep_until(next)) return kStopped;
  }
}

Error run_lact(const Watch& watch) {
  return repeat(watch, [&]() -> std::optional<Error> {
    auto samples = ask_lact(lact_socket(), watch.stop);
    if (!samples) return samples.error();
    if (samples->empty()) return Error{Errc::not_found, "LACT knows no GPU with memory"};
    watch.deliver(std::move(*samples));
    return std::nullopt;
  });
}

// One process for all samples: starting one may cost seconds of a core where the driver is not kept
// loaded.
Error run_nvidia_smi(const Watch& watch) {
  auto child = Child::start(nvidia_smi_loop(watch.every));
  if (!child) return child.error();
  LineReader reader(watch.stop, child->output());
  for (;;) {
    auto line = reader.next(util::Clock::now() + 2 * watch.every + kNvidiaSilence);
    if (!line && line.error().code == Errc::closed) {
      const std::string exit = child->exit_text();
      return {Errc::closed, "nvidia-smi ended" + (exit.empty() ? exit : ": " + exit)};
    }
    if (!line) return line.error().in("nvidia-smi");
    if (auto sample = parse_nvidia_smi(*line)) watch.deliver({std::move(*sample)});
  }
}

// Once it has worked, it may fail at times.
Error run_rocm_smi(const Watch& watch) {
  bool works = false;
  return repeat(watch, [&]() -> std::optional<Error> {
    const auto output = output_of(rocm_smi_once(), watch.stop, util::Clock::now() + kRocmTimeout);
    auto samples = output ? parse_rocm_smi(*output) : std::vector<observe::GpuSample>();
    if (!samples.empty()) {
      works = true;
      watch.deliver(std::move(samples));
    } else if (!works) {
      return output ? Error{Errc::not_found, "rocm-smi shows no GPU"} : output.error();
    }
    return std::nullopt;
  });
}

bool devices_present() {
  return !drm_cards("/sys").empty() || std::filesystem::exists("/dev/nvidiactl");
}

Error run_devices(const Watch& watch) {
  return watch_devices(watch, "/sys", kNvmlLibrary);
}

constexpr std::array kSources{
    GpuSource{"LACT", [] { return !lact_socket().empty(); }, run_lact},
    GpuSource{"nvidia-smi", [] { return in_path("nvidia-smi"); }, run_nvidia_smi},
    GpuSource{"rocm-smi", [] { return in_path("rocm-smi"); }, run_rocm_smi},
    GpuSource{"NVML and sysfs", devices_present, run_devices},
};

}  // namespace

std::span<const GpuSource> gpu_sources() {
  return kSources;
}

util::Error watch_devices(const Watch& watch, const std::filesystem::path& sys,
                          const char* nvml_library) {
  DrmReader drm(sys);
  auto nvml = Nvml::open(nvml_library);
  bool first = true;
  return repeat(watch, [&]() -> std::optional<Error> {
    std::vector<std::vector<DeviceSample>> sources;
    if (nvml) sources.push_back(nvml->read());
    sources.push_back(drm.read(util::Clock::now()));
    auto samples = merged(sources);
    // Some drivers only count: their first word comes with the second reading.
    const bool patient = std::exchange(first, false);
    if (samples.empty() && !patient) return Error{Errc::not_found, "no driver shows a GPU"};
    if (!samples.empty()) watch.deliver(std::move(samples));
    return std::nullopt;
  });
}

}  // namespace llama_swap::monitor
