#include "monitor/accelerator.h"

#include <algorithm>
#include <tuple>

namespace llama_swap::monitor {
namespace {

bool same_device(const Accelerator& a, const Accelerator& b) {
  if (!a.pci.empty() && !b.pci.empty()) return a.pci == b.pci;
  return !a.uuid.empty() && a.uuid == b.uuid;
}

void fill_gaps(Accelerator& device, const Accelerator& from) {
  const auto text = [](std::string& mine, const std::string& other) {
    if (mine.empty()) mine = other;
  };
  text(device.pci, from.pci);
  text(device.uuid, from.uuid);
  text(device.vendor, from.vendor);
  text(device.model, from.model);
  text(device.architecture, from.architecture);
  if (device.memory_kind == MemoryKind::unknown) {
    device.memory_kind = from.memory_kind;
    device.memory_bytes = from.memory_bytes;
  }
  // The version is one of the driver that is named.
  if (device.driver.empty()) {
    device.driver = from.driver;
    device.driver_version = from.driver_version;
  } else if (device.driver == from.driver) {
    text(device.driver_version, from.driver_version);
  }
  if (!device.power_limit_w) device.power_limit_w = from.power_limit_w;
}

}  // namespace

Accelerators merged(const std::vector<Accelerators>& sources) {
  Accelerators out;
  for (const Accelerators& source : sources)
    for (const Accelerator& device : source) {
      const auto same = std::ranges::find_if(
          out, [&](const Accelerator& known) { return same_device(known, device); });
      if (same == out.end())
        out.push_back(device);
      else
        fill_gaps(*same, device);
    }
  std::ranges::stable_sort(out, [](const Accelerator& a, const Accelerator& b) {
    return std::tie(a.pci, a.model) < std::tie(b.pci, b.model);
  });
  return out;
}

}  // namespace llama_swap::monitor
