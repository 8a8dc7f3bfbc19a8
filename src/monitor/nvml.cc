#include "monitor/nvml.h"

#include <dlfcn.h>

#include <algorithm>

#include "monitor/gpu_names.h"
#include "monitor/pci.h"

namespace llama_swap::monitor {
namespace {

// Of the NVML API reference; all of them as in every version since 2013 (the names with _v2 are
// those whose meaning once changed).
using Device = void*;
struct Utilization {
  unsigned gpu;  // percent
  unsigned memory;
};
struct Memory {
  unsigned long long total;  // bytes
  unsigned long long free;
  unsigned long long used;
};
struct PciInfo {  // nvmlPciInfo_v2_t, as nvmlDeviceGetPciInfo_v2 fills it
  char bus_id[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pci_device_id;
  unsigned pci_sub_system_id;
  unsigned reserved[4];
};
struct ProcessInfo {  // nvmlProcessInfo_v2_t, as the functions with _v2 and _v3 fill it
  unsigned pid;
  unsigned long long used_memory;  // bytes; all bits: not available
  unsigned gpu_instance_id;
  unsigned compute_instance_id;
};
constexpr int kSuccess = 0;
constexpr int kInsufficientSize = 7;
constexpr unsigned kMaxProcesses = 4096;
constexpr int kTemperatureOfGpu = 0;
constexpr unsigned kTextSize = 96;  // NVML_DEVICE_NAME_V2_BUFFER_SIZE, the longest of our texts
constexpr unsigned long long kBytesPerMib = 1 << 20;

}  // namespace

struct Nvml::Library {
  void* handle = nullptr;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*by_index)(unsigned, Device*) = nullptr;
  int (*name)(Device, char*, unsigned) = nullptr;
  int (*uuid)(Device, char*, unsigned) = nullptr;
  int (*pci)(Device, PciInfo*) = nullptr;
  int (*temperature)(Device, int, unsigned*) = nullptr;
  int (*utilization)(Device, Utilization*) = nullptr;
  int (*memory)(Device, Memory*) = nullptr;
  int (*fan)(Device, unsigned*) = nullptr;          // percent
  int (*power)(Device, unsigned*) = nullptr;        // mW
  int (*power_limit)(Device, unsigned*) = nullptr;  // mW
  int (*capability)(Device, int*, int*) = nullptr;
  int (*processes)(Device, unsigned*, ProcessInfo*) = nullptr;
  int (*driver)(char*, unsigned) = nullptr;
  bool ready = false;

  ~Library() {
    if (ready) shutdown();
    if (handle != nullptr) ::dlclose(handle);
  }

  template <class Function>
  bool find(Function*& function, const char* symbol) {
    function = reinterpret_cast<Function*>(::dlsym(handle, symbol));
    return function != nullptr;
  }
  // False: too old, or something else of that name.
  bool find_all() {
    // What it can do without.
    find(temperature, "nvmlDeviceGetTemperature");
    find(utilization, "nvmlDeviceGetUtilizationRates");
    find(memory, "nvmlDeviceGetMemoryInfo");
    find(fan, "nvmlDeviceGetFanSpeed");
    find(power, "nvmlDeviceGetPowerUsage");
    find(power_limit, "nvmlDeviceGetEnforcedPowerLimit");
    find(capability, "nvmlDeviceGetCudaComputeCapability");
    find(driver, "nvmlSystemGetDriverVersion");
    if (!find(processes, "nvmlDeviceGetComputeRunningProcesses_v3"))
      find(processes, "nvmlDeviceGetComputeRunningProcesses_v2");
    return find(init, "nvmlInit_v2") && find(shutdown, "nvmlShutdown") &&
           find(count, "nvmlDeviceGetCount_v2") &&
           find(by_index, "nvmlDeviceGetHandleByIndex_v2") && find(name, "nvmlDeviceGetName") &&
           find(uuid, "nvmlDeviceGetUUID") && find(pci, "nvmlDeviceGetPciInfo_v2");
  }

  std::vector<Device> devices() const {
    std::vector<Device> out;
    unsigned number = 0;
    if (count(&number) != kSuccess) return out;
    for (unsigned i = 0; i < number; ++i)
      if (Device device = nullptr; by_index(i, &device) == kSuccess) out.push_back(device);
    return out;
  }
  static std::string text(int (*get)(Device, char*, unsigned), Device device) {
    char buffer[kTextSize] = {};
    return get(device, buffer, sizeof buffer - 1) == kSuccess ? buffer : "";
  }
  std::string address(Device device) const {
    PciInfo info{};
    if (pci(device, &info) != kSuccess) return "";
    info.bus_id[sizeof info.bus_id - 1] = '\0';
    return normalized_pci(info.bus_id);
  }
  // What a device without the ability to say answers with an error.
  static std::optional<unsigned> number(int (*get)(Device, unsigned*), Device device) {
    unsigned value = 0;
    if (get == nullptr || get(device, &value) != kSuccess) return std::nullopt;
    return value;
  }
  // The number grows while we ask.
  std::vector<ProcessInfo> processes_of(Device device) const {
    std::vector<ProcessInfo> out(32);
    while (processes != nullptr && out.size() <= kMaxProcesses) {
      auto number = static_cast<unsigned>(out.size());
      const int error = processes(device, &number, out.data());
      if (error == kSuccess) {
        out.resize(std::min<std::size_t>(number, out.size()));
        return out;
      }
      if (error != kInsufficientSize) break;
      out.resize(std::max<std::size_t>(number, out.size()) * 2);
    }
    return {};
  }
  std::optional<Memory> memory_of(Device device) const {
    Memory value{};
    if (memory == nullptr || memory(device, &value) != kSuccess || value.total == 0)
      return std::nullopt;
    return value;
  }
};

Nvml::Nvml(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Nvml::Nvml(Nvml&&) noexcept = default;
Nvml::~Nvml() = default;

util::Result<Nvml> Nvml::open(const char* name) {
  auto library = std::make_unique<Library>();
  library->handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr)
    return util::fail(util::Errc::not_found, std::string("no ") + name);
  if (!library->find_all())
    return util::fail(util::Errc::unavailable, std::string(name) + " lacks functions");
  if (const int error = library->init(); error != kSuccess)
    return util::fail(util::Errc::unavailable,
                      std::string(name) + ": error " + std::to_string(error));
  library->ready = true;
  return Nvml(std::move(library));
}

std::vector<DeviceSample> Nvml::read() {
  std::vector<DeviceSample> out;
  for (Device device : library_->devices()) {
    DeviceSample sample;
    sample.pci = library_->address(device);
    sample.name = Library::text(library_->name, device);
    sample.uuid = Library::text(library_->uuid, device);
    unsigned celsius = 0;
    if (library_->temperature != nullptr &&
        library_->temperature(device, kTemperatureOfGpu, &celsius) == kSuccess)
      sample.temperature_c = static_cast<int>(celsius);
    Utilization busy{};
    if (library_->utilization != nullptr && library_->utilization(device, &busy) == kSuccess)
      sample.busy_percent = busy.gpu;
    if (const auto memory = library_->memory_of(device)) {
      sample.memory_total_mib = static_cast<std::int64_t>(memory->total / kBytesPerMib);
      sample.memory_used_mib = static_cast<std::int64_t>(memory->used / kBytesPerMib);
    }
    if (const auto percent = Library::number(library_->fan, device)) sample.fan_percent = *percent;
    if (const auto milliwatts = Library::number(library_->power, device))
      sample.power_w = *milliwatts / 1000.0;
    out.push_back(std::move(sample));
  }
  return out;
}

std::vector<NvmlDevice> Nvml::devices() {
  std::vector<NvmlDevice> out;
  for (Device device : library_->devices()) {
    NvmlDevice info;
    info.pci = library_->address(device);
    info.name = Library::text(library_->name, device);
    info.uuid = Library::text(library_->uuid, device);
    int major = 0, minor = 0;
    if (library_->capability != nullptr && library_->capability(device, &major, &minor) == kSuccess)
      info.architecture = nvidia_architecture(major, minor);
    if (const auto memory = library_->memory_of(device))
      info.memory_bytes = static_cast<std::int64_t>(memory->total);
    if (const auto milliwatts = Library::number(library_->power_limit, device))
      info.power_limit_w = *milliwatts / 1000.0;
    out.push_back(std::move(info));
  }
  return out;
}

std::vector<ProcessOnDevice> Nvml::processes() {
  std::vector<ProcessOnDevice> out;
  for (Device device : library_->devices()) {
    const std::string uuid = Library::text(library_->uuid, device);
    for (const ProcessInfo& info : library_->processes_of(device)) {
      const auto bytes = static_cast<std::int64_t>(info.used_memory);
      if (bytes >= 0) out.push_back({static_cast<pid_t>(info.pid), uuid, bytes});
    }
  }
  return out;
}

std::string Nvml::driver_version() {
  char text[kTextSize] = {};
  return library_->driver != nullptr && library_->driver(text, sizeof text - 1) == kSuccess ? text
                                                                                            : "";
}

}  // namespace llama_swap::monitor
