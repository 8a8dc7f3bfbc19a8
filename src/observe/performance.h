// One hour of samples of the machine and of each of its GPUs, and how they are told: as JSON
// (http-api 23.1) and for Prometheus (23.2). I/O thread only.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "observe/gpu_sample.h"
#include "observe/system_sample.h"
#include "util/time.h"
#include "util/timestamp.h"

namespace llama_swap::observe {

class Performance {
 public:
  static constexpr std::chrono::hours kKept{1};

  // `every`: the time between two samples of the same device, > 0; it bounds how many are kept.
  explicit Performance(util::Millis every) : every_(every) {}

  // Samples come in the order of their times. Of those, milliseconds count.
  void add(SystemSample sample);
  void add(GpuSample sample);
  // Forgets all; from now on samples come this often.
  void restart(util::Millis every);

  // {"enabled":true,...}, of all samples or of those later than `after`, oldest first.
  std::string json(std::optional<util::ParsedTime> after) const;
  // The newest samples; "" while there is none.
  std::string metrics() const;

 private:
  // Each sample is written out once, however often it is asked for.
  struct Entry {
    WallTime at;
    int device;
    std::string json;
  };
  using History = std::deque<Entry>;

  void keep(History& history, Entry entry);

  util::Millis every_;
  History system_history_;
  History gpu_history_;
  std::optional<SystemSample> system_;
  std::map<int, GpuSample> gpus_;  // by id
};

// The text format of Prometheus, version 0.0.4, families and labels of http-api 23.2. `system` may
// be null.
std::string metrics_text(const SystemSample* system, const std::map<int, GpuSample>& gpus);

}  // namespace llama_swap::observe
