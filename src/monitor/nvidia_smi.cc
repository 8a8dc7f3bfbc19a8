#include "monitor/nvidia_smi.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "monitor/parse_number.h"
#include "util/text.h"

namespace llama_swap::monitor {
namespace {

constexpr std::size_t kFields = 9;

double number(std::string_view field) {
  return parse_number<double>(field).value_or(0);
}

}  // namespace

Argv nvidia_smi_loop(util::Millis every) {
  const auto seconds = std::max<std::int64_t>(every / std::chrono::seconds(1), 1);
  return {"nvidia-smi",
          "--query-gpu=index,name,uuid,temperature.gpu,utilization.gpu,memory.used,memory.total,"
          "fan.speed,power.draw",
          "--format=csv,noheader,nounits", "--loop", std::to_string(seconds)};
}

std::optional<observe::GpuSample> parse_nvidia_smi(std::string_view line) {
  const std::vector<std::string_view> fields = util::split(line, ',');
  if (fields.size() < kFields) return std::nullopt;
  const auto whole = [&](std::size_t i) { return std::llround(number(fields[i])); };
  observe::GpuSample out;
  out.id = static_cast<int>(whole(0));
  out.name = util::trim(fields[1]);
  out.uuid = util::trim(fields[2]);
  out.temperature_c = static_cast<int>(whole(3));
  out.busy_percent = number(fields[4]);
  out.memory_used_mib = whole(5);
  out.memory_total_mib = whole(6);
  out.fan_percent = number(fields[7]);
  out.power_w = number(fields[8]);
  return out;
}

}  // namespace llama_swap::monitor
