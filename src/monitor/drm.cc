#include "monitor/drm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "monitor/sysfs.h"

namespace llama_swap::monitor {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBytesPerMib = 1 << 20;
constexpr double kMicro = 1e-6;

double round_to_hundredths(double value) {
  return std::round(value * 100) / 100;
}

std::optional<std::int64_t> mib(const fs::path& file) {
  auto bytes = read_number(file);
  if (bytes) *bytes /= kBytesPerMib;
  return bytes;
}

// Sensors (Documentation/hwmon/sysfs-interface): temp<N>_input in m°C, with a label; powers in µW,
// energies in µJ; pwm<N> of pwm<N>_max.
void read_hwmon(const fs::path& hwmon, DeviceSample& out, std::optional<std::int64_t>& energy_uj) {
  std::optional<int> first, edge;
  for (const fs::path& input : entries(hwmon, "temp")) {
    std::string stem = input.filename().string();
    if (!stem.ends_with("_input")) continue;
    stem.resize(stem.size() - 6);
    const auto value = read_number(input);
    if (!value) continue;
    const int celsius = static_cast<int>(std::lround(static_cast<double>(*value) / 1000));
    const std::string label = read_attribute(hwmon / (stem + "_label"));
    if (label == "mem" || label == "vram") {
      out.vram_temperature_c = celsius;
      continue;
    }
    if (label == "edge") edge = celsius;
    if (!first) first = celsius;
  }
  if (edge || first) out.temperature_c = edge ? edge : first;

  for (const char* name : {"power1_average", "power1_input"}) {
    const auto microwatts = read_number(hwmon / name);
    if (!microwatts) continue;
    out.power_w = round_to_hundredths(static_cast<double>(*microwatts) * kMicro);
    break;
  }
  if (const auto microjoules = read_number(hwmon / "energy1_input")) energy_uj = microjoules;
  const auto most = read_number(hwmon / "pwm1_max").value_or(255);
  const auto pwm = read_number(hwmon / "pwm1");
  if (pwm && most > 0)
    out.fan_percent =
        std::round(1000.0 * static_cast<double>(*pwm) / static_cast<double>(most)) / 10;
}

// How long the card has been asleep, all in all: i915, then xe. Their first GT draws and computes.
std::optional<std::int64_t> idle_ms(const DrmCard& card) {
  for (const fs::path& file :
       {card.path / "gt/gt0/rc6_residency_ms", card.path / "power/rc6_residency_ms",
        card.device / "tile0/gt0/gtidle/idle_residency_ms"})
    if (const auto value = read_number(file)) return value;
  return std::nullopt;
}

std::string name_of(const DrmCard& card) {
  const std::string product = read_attribute(card.device / "product_name");
  if (!product.empty()) return product;
  return fmt::format("{} GPU {:04x}", vendor_name(card.vendor),
                     read_number(card.device / "device").value_or(0));
}

}  // namespace

std::vector<DeviceSample> DrmReader::read(util::Time now) {
  std::vector<DeviceSample> out;
  std::map<int, Counters> counters;
  for (const DrmCard& card : drm_cards(sys_)) {
    if (vendor_name(card.vendor).empty()) continue;
    DeviceSample sample;
    sample.pci = card.pci;
    sample.name = name_of(card);
    sample.uuid = read_attribute(card.device / "unique_id");
    sample.memory_total_mib = mib(card.device / "mem_info_vram_total");
    sample.memory_used_mib = mib(card.device / "mem_info_vram_used");
    if (const auto busy = read_number(card.device / "gpu_busy_percent"))
      sample.busy_percent = static_cast<double>(*busy);
    Counters& count = counters[card.number];
    count.at = now;
    for (const fs::path& hwmon : entries(card.device / "hwmon", "hwmon"))
      read_hwmon(hwmon, sample, count.energy_uj);
    count.idle_ms = idle_ms(card);

    if (const auto last = before_.find(card.number); last != before_.end()) {
      const Counters& before = last->second;
      const double seconds = std::chrono::duration<double>(now - before.at).count();
      if (seconds > 0 && !sample.power_w && count.energy_uj && before.energy_uj &&
          *count.energy_uj >= *before.energy_uj)
        sample.power_w = round_to_hundredths(
            static_cast<double>(*count.energy_uj - *before.energy_uj) * kMicro / seconds);
      if (seconds > 0 && !sample.busy_percent && count.idle_ms && before.idle_ms) {
        const double idle = static_cast<double>(*count.idle_ms - *before.idle_ms) / 1000 / seconds;
        sample.busy_percent = round_to_hundredths(100 * std::clamp(1 - idle, 0.0, 1.0));
      }
    }
    out.push_back(std::move(sample));
  }
  before_ = std::move(counters);
  return out;
}

}  // namespace llama_swap::monitor
