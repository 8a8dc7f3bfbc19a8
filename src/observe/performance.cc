#include "observe/performance.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "util/text.h"

namespace llama_swap::observe {
namespace {

// What a client gives back as `after` must name the sample exactly.
WallTime whole_milliseconds(WallTime at) {
  return std::chrono::floor<std::chrono::milliseconds>(at);
}

std::string json_of(const SystemSample& s) {
  std::string out = fmt::format(R"({{"timestamp":"{}","cpu_util_per_core":[{}],)",
                                util::rfc3339(s.at), fmt::join(s.cpu_percent, ","));
  const auto append = [&out]<class... Args>(fmt::format_string<Args...> text, Args&&... args) {
    fmt::format_to(std::back_inserter(out), text, std::forward<Args>(args)...);
  };
  append(R"("mem_total_mb":{},"mem_used_mb":{},"mem_free_mb":{},)", s.memory_total_mib,
         s.memory_used_mib, s.memory_free_mib);
  append(R"("swap_total_mb":{},"swap_used_mb":{},)", s.swap_total_mib, s.swap_used_mib);
  append(R"("load_avg_1":{},"load_avg_5":{},"load_avg_15":{},"net_io":[)", s.load_1, s.load_5,
         s.load_15);
  const char* separator = "";
  for (const NetworkCounters& n : s.network) {
    append(R"({}{{"name":{},"bytes_recv":{},"bytes_sent":{}}})", separator,
           util::json_quote(n.interface), n.bytes_received, n.bytes_sent);
    separator = ",";
  }
  return out += "]}";
}

std::string json_of(const GpuSample& s) {
  return fmt::format(
      R"({{"timestamp":"{}","id":{},"name":{},"uuid":{},"temp_c":{},"vram_temp_c":{},)"
      R"("gpu_util_pct":{},"mem_util_pct":{},"mem_used_mb":{},"mem_total_mb":{},)"
      R"("fan_speed_pct":{},"power_draw_w":{}}})",
      util::rfc3339(s.at), s.id, util::json_quote(s.name), util::json_quote(s.uuid),
      s.temperature_c, s.vram_temperature_c, s.busy_percent, s.memory_percent(), s.memory_used_mib,
      s.memory_total_mib, s.fan_percent, s.power_w);
}

}  // namespace

void Performance::add(SystemSample sample) {
  sample.at = whole_milliseconds(sample.at);
  keep(system_history_, {sample.at, 0, json_of(sample)});
  system_ = std::move(sample);
}

void Performance::add(GpuSample sample) {
  sample.at = whole_milliseconds(sample.at);
  keep(gpu_history_, {sample.at, sample.id, json_of(sample)});
  const WallTime oldest = sample.at - kKept;
  gpus_[sample.id] = std::move(sample);
  std::erase_if(gpus_, [oldest](const auto& gpu) { return gpu.second.at < oldest; });
}

// The number bounds the memory where samples come more often than agreed, or the clock is set.
void Performance::keep(History& history, Entry entry) {
  const auto bound = std::max<std::ptrdiff_t>(kKept / every_, 1);
  const auto same = [&entry](const Entry& other) { return other.device == entry.device; };
  if (std::ranges::count_if(history, same) >= bound)
    history.erase(std::ranges::find_if(history, same));
  while (!history.empty() && history.front().at < entry.at - kKept) history.pop_front();
  history.push_back(std::move(entry));
}

void Performance::restart(util::Millis every) {
  every_ = every;
  system_history_.clear();
  gpu_history_.clear();
  system_.reset();
  gpus_.clear();
}

std::string Performance::json(std::optional<util::ParsedTime> after) const {
  std::string out = R"({"enabled":true)";
  const auto append = [&](std::string_view key, const History& history) {
    fmt::format_to(std::back_inserter(out), R"(,"{}":[)", key);
    bool first = true;
    for (const Entry& entry : history) {
      // The other way round, `after` may be more than a clock of nanoseconds can hold.
      if (after && std::chrono::floor<std::chrono::microseconds>(entry.at) <= *after) continue;
      if (!std::exchange(first, false)) out += ',';
      out += entry.json;
    }
    out += ']';
  };
  append("sys_stats", system_history_);
  append("gpu_stats", gpu_history_);
  return out += '}';
}

std::string Performance::metrics() const {
  return metrics_text(system_ ? &*system_ : nullptr, gpus_);
}

}  // namespace llama_swap::observe
