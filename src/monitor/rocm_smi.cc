#include "monitor/rocm_smi.h"

#include <cmath>
#include <string>

#include "monitor/csv_table.h"
#include "monitor/parse_number.h"

namespace llama_swap::monitor {
namespace {

constexpr std::int64_t kBytesPerMib = 1 << 20;
constexpr std::string_view kDevicePrefix = "card";

}  // namespace

Argv rocm_smi_once() {
  return {
      "rocm-smi",          "-i",   "-P", "-t", "-f", "-u", "--showmemuse", "--showmeminfo", "vram",
      "--showproductname", "--csv"};
}

std::vector<observe::GpuSample> parse_rocm_smi(std::string_view output) {
  const CsvTable table(output, "device");
  std::vector<observe::GpuSample> out;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto number = [&](std::initializer_list<std::string_view> columns) {
      return parse_number<double>(table.field(row, columns)).value_or(0);
    };
    const auto mib = [&](std::string_view column) {
      return parse_number<std::int64_t>(table.field(row, {column})).value_or(0) / kBytesPerMib;
    };
    const std::string_view device = table.field(row, {"device"});
    if (!device.starts_with(kDevicePrefix)) continue;  // "system": what is common to all
    const auto id = parse_number<int>(device.substr(kDevicePrefix.size()));
    if (!id) continue;

    observe::GpuSample gpu;
    gpu.id = *id;
    gpu.name = table.field(row, {"Card Series", "Device Name"});
    if (!gpu.name.empty()) gpu.name += ' ';
    gpu.name += device;
    if (const auto version = table.field(row, {"GFX Version"}); !version.empty())
      gpu.name += " (" + std::string(version) + ")";
    gpu.uuid = table.field(row, {"GUID"});
    gpu.temperature_c = static_cast<int>(std::lround(number({"Temperature (Sensor edge) (C)"})));
    gpu.vram_temperature_c =
        static_cast<int>(std::lround(number({"Temperature (Sensor memory) (C)"})));
    gpu.fan_percent = number({"Fan speed (%)"});
    gpu.power_w =
        number({"Average Graphics Package Power (W)", "Current Socket Graphics Package Power (W)"});
    gpu.busy_percent = number({"GPU use (%)"});
    gpu.memory_total_mib = mib("VRAM Total Memory (B)");
    gpu.memory_used_mib = mib("VRAM Total Used Memory (B)");
    out.push_back(std::move(gpu));
  }
  return out;
}

}  // namespace llama_swap::monitor
