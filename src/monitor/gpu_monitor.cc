#include "monitor/gpu_monitor.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "util/text.h"

namespace llama_swap::monitor {
namespace {

using config::LogLevel;

class Choice {
 public:
  Choice(const StopSignal& stop, util::Millis every, const GpuHooks& hooks,
         std::span<const GpuSource> sources)
      : stop_(stop), every_(every), hooks_(hooks), sources_(sources) {}

  // Asks the chosen source, or each one that is present until one works. False: none is present.
  bool run() {
    delivered_ = false;
    if (chosen_ != nullptr) {
      run(*chosen_);
      return true;
    }
    reasons_.clear();
    bool any = false;
    for (const GpuSource& source : sources_) {
      if (!source.present()) continue;
      any = true;
      run(source);
      if (chosen_ != nullptr || stop_.raised()) break;
    }
    return any;
  }
  // The last run() has brought samples.
  bool delivered() const { return delivered_; }
  // Why the sources ended that were asked.
  std::string reasons() const { return util::join(reasons_, "; "); }

 private:
  void run(const GpuSource& source) {
    const Watch watch{stop_, every_, [&](std::vector<observe::GpuSample> samples) {
                        if (chosen_ == nullptr) {
                          chosen_ = &source;
                          hooks_.log(LogLevel::info,
                                     fmt::format("using {} for GPU monitoring", source.name));
                        }
                        delivered_ = true;
                        const auto now = std::chrono::system_clock::now();
                        for (observe::GpuSample& sample : samples) sample.at = now;
                        hooks_.samples(std::move(samples));
                      }};
    const util::Error error = source.run(watch);
    if (chosen_ != nullptr) reasons_.clear();
    reasons_.push_back(error.message);
  }

  const StopSignal& stop_;
  const util::Millis every_;
  const GpuHooks& hooks_;
  const std::span<const GpuSource> sources_;
  const GpuSource* chosen_ = nullptr;
  bool delivered_ = false;
  std::vector<std::string> reasons_;
};

}  // namespace

void watch_gpus(const StopSignal& stop, util::Millis every, const GpuHooks& hooks,
                std::span<const GpuSource> sources, Pause pause) {
  Choice choice(stop, every, hooks, sources);
  util::Millis wait = pause.first;
  bool told = false;  // that there is nothing, which is said once each time
  for (;;) {
    const util::Time begin = util::Clock::now();
    const bool any = choice.run();
    if (stop.raised()) return;
    if (util::Clock::now() - begin >= pause.most) wait = pause.first;
    if (choice.delivered()) {
      hooks.log(LogLevel::warn, fmt::format("GPU monitoring: {}; asking again in {}",
                                            choice.reasons(), util::duration_text(wait)));
      told = false;
    } else if (!std::exchange(told, true)) {
      hooks.log(LogLevel::info, fmt::format("GPU monitoring not available: {}",
                                            any ? choice.reasons() : "no tool and no driver"));
    }
    if (!any || !stop.sleep_until(util::Clock::now() + wait)) return;
    wait = std::min(wait * 2, pause.most);
  }
}

}  // namespace llama_swap::monitor
