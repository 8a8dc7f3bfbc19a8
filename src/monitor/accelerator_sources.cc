#include <unistd.h>

#include <map>

#include "monitor/accelerator.h"
#include "monitor/csv_table.h"
#include "monitor/gpu_names.h"
#include "monitor/parse_number.h"
#include "monitor/pci.h"
#include "monitor/sysfs.h"
#include "util/text.h"

namespace llama_swap::monitor {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBytesPerMib = 1 << 20;

// As tools say that they do not know.
std::string known(std::string_view text) {
  text = util::trim(text);
  for (const std::string_view nothing : {"n/a", "[n/a]", "unknown", "[not supported]", "none"})
    if (util::iequals(text, nothing)) return "";
  return std::string(text);
}

std::optional<double> watts(std::string_view text) {
  const auto value = parse_number<double>(text);
  if (!value || *value <= 0) return std::nullopt;
  return value;
}

Argv nvidia_query(const char* fields) {
  return {"nvidia-smi", std::string("--query-gpu=") + fields, "--format=csv,noheader,nounits"};
}

// "index,value" a line.
std::map<int, std::string> by_index(const std::string& output) {
  std::map<int, std::string> out;
  for (const std::string_view line : util::split(output, '\n')) {
    const std::size_t comma = line.find(',');
    const auto index = parse_number<int>(line.substr(0, comma));
    if (index && comma != line.npos) out[*index] = known(line.substr(comma + 1));
  }
  return out;
}

std::string architecture_of_capability(std::string_view capability) {
  const auto parts = util::split(capability, '.');
  if (parts.size() != 2) return "";
  const auto major = parse_number<int>(parts[0]), minor = parse_number<int>(parts[1]);
  return major && minor ? nvidia_architecture(*major, *minor) : "";
}

void set_nvidia_memory(Accelerator& device, std::optional<std::int64_t> bytes,
                       std::int64_t system_bytes) {
  device.memory_kind = bytes ? MemoryKind::dedicated : MemoryKind::unified;
  device.memory_bytes = bytes ? *bytes : system_bytes;
}

bool readable(const fs::path& file) {
  return ::access(file.c_str(), R_OK) == 0;
}

bool is_amd(std::int64_t vendor) {
  return vendor == kVendorAmd || vendor == kVendorAmdChipset;
}

// "key value" a line.
std::optional<std::int64_t> property(std::string_view text, std::string_view key) {
  for (const std::string_view line : util::split(text, '\n'))
    if (line.starts_with(key) && line.substr(key.size()).starts_with(' '))
      return parse_number<std::int64_t>(line.substr(key.size()));
  return std::nullopt;
}

}  // namespace

Accelerators ask_nvidia_smi(const Ask& ask, std::int64_t system_bytes) {
  enum { index, name, uuid, bus_id, memory, driver, power, count };
  Accelerators out;
  std::vector<int> indices;
  const std::string list =
      ask(nvidia_query("index,name,uuid,pci.bus_id,memory.total,driver_version,power.limit"));
  for (const std::string_view line : util::split(list, '\n')) {
    const auto fields = util::split(line, ',');
    if (fields.size() < count) continue;
    Accelerator device;
    device.vendor = "NVIDIA";
    device.model = known(fields[name]);
    device.uuid = known(fields[uuid]);
    device.pci = normalized_pci(fields[bus_id]);
    const auto mib = parse_number<std::int64_t>(fields[memory]);
    set_nvidia_memory(device, mib && *mib > 0 ? std::optional(*mib * kBytesPerMib) : std::nullopt,
                      system_bytes);
    device.driver = "NVIDIA";
    device.driver_version = known(fields[driver]);
    device.power_limit_w = watts(fields[power]);
    out.push_back(std::move(device));
    indices.push_back(parse_number<int>(fields[index]).value_or(-1));
  }
  if (out.empty()) return out;
  // Versions differ in what they can be asked, hence one question for each.
  auto architectures = by_index(ask(nvidia_query("index,architecture")));
  bool all = true;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].architecture = architectures[indices[i]];
    all = all && !out[i].architecture.empty();
  }
  if (all) return out;
  auto capabilities = by_index(ask(nvidia_query("index,compute_cap")));
  for (std::size_t i = 0; i < out.size(); ++i)
    if (out[i].architecture.empty())
      out[i].architecture = architecture_of_capability(capabilities[indices[i]]);
  return out;
}

Accelerators ask_nvml(Nvml& nvml, std::int64_t system_bytes) {
  Accelerators out;
  for (const NvmlDevice& found : nvml.devices()) {
    Accelerator device;
    device.vendor = "NVIDIA";
    device.model = found.name;
    device.uuid = found.uuid;
    device.pci = found.pci;
    device.architecture = found.architecture;
    set_nvidia_memory(device, found.memory_bytes, system_bytes);
    device.driver = "NVIDIA";
    device.driver_version = nvml.driver_version();
    device.power_limit_w = found.power_limit_w;
    out.push_back(std::move(device));
  }
  return out;
}

Accelerators ask_rocm_smi(const Ask& ask) {
  const Argv always{"rocm-smi", "-i", "--showmeminfo", "vram", "--showproductname"};
  Argv all = always, few = always;
  // Some versions fail as a whole where one of these is not to be had.
  all.insert(all.end(), {"--showdriverversion", "--showmaxpower", "--showbus", "--csv"});
  few.insert(few.end(), {"--showbus", "--csv"});
  std::string output = ask(all);
  if (output.empty()) output = ask(few);

  const CsvTable table(output, "device");
  Accelerators out;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (!table.field(row, {"device"}).starts_with("card")) continue;
    Accelerator device;
    device.vendor = "AMD";
    device.model = known(table.field(row, {"card series", "device name", "card model"}));
    device.architecture = known(table.field(row, {"gfx version"}));
    device.pci = normalized_pci(table.field(row, {"pci bus"}));
    device.uuid = known(table.field(row, {"guid", "unique id"}));
    const auto bytes = parse_number<std::int64_t>(table.field(row, {"vram total memory (b)"}));
    if (bytes && *bytes > 0) {
      device.memory_kind = MemoryKind::dedicated;
      device.memory_bytes = *bytes;
    }
    device.driver = "amdgpu";
    device.driver_version = known(table.field(row, {"driver version"}));
    device.power_limit_w = watts(table.field(row, {"max graphics package power (w)"}));
    out.push_back(std::move(device));
  }
  return out;
}

Accelerators read_kfd(const fs::path& root) {
  Accelerators out;
  for (const fs::path& node : entries(root / "sys/class/kfd/kfd/topology/nodes", "")) {
    const std::string properties = read_attribute(node / "properties");
    const auto minor = property(properties, "drm_render_minor");
    if (!minor || *minor <= 0) continue;  // the CPUs are nodes, too
    const std::string render = "renderD" + std::to_string(*minor);
    const fs::path link = root / "sys/class/drm" / render / "device";
    if (!readable(root / "dev/dri" / render)) continue;
    if (!is_amd(read_number(link / "vendor").value_or(0))) continue;
    Accelerator device;
    device.vendor = "AMD";
    device.pci = normalized_pci(link_name(link));
    device.architecture = amd_architecture(property(properties, "gfx_target_version").value_or(0));
    out.push_back(std::move(device));
  }
  return out;
}

Accelerators read_drm(const fs::path& root) {
  Accelerators out;
  for (const DrmCard& card : drm_cards(root / "sys")) {
    Accelerator device;
    device.vendor = vendor_name(card.vendor);
    bool usable = false;
    for (const fs::path& render : entries(card.device / "drm", "renderD"))
      usable = usable || readable(root / "dev/dri" / render.filename());
    if (device.vendor.empty() || !usable) continue;
    device.pci = card.pci;
    device.model = known(read_attribute(card.device / "product_name"));
    device.driver = card.driver;
    device.driver_version = known(read_attribute(root / "sys/module" / card.driver / "version"));
    const auto vram = read_number(card.device / "mem_info_vram_total");
    const bool own = vram && *vram > 0;
    device.memory_kind = own ? MemoryKind::dedicated : MemoryKind::shared_system;
    if (own) device.memory_bytes = *vram;
    for (const fs::path& hwmon : entries(card.device / "hwmon", "hwmon"))
      if (const auto microwatts = read_number(hwmon / "power1_cap"); microwatts && *microwatts > 0)
        device.power_limit_w = static_cast<double>(*microwatts) / 1e6;
    out.push_back(std::move(device));
  }
  return out;
}

}  // namespace llama_swap::monitor
