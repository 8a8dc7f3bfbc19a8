// Stands in for NVIDIA's management library in tests. TEST_NVML_ERROR in the environment: the error
// of its start. Three devices: one that says everything, one that shares the memory of the system
// and says little, and one that has fallen off the bus.
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

struct ProcessInfo {
  unsigned pid;
  unsigned long long used_memory;
  unsigned gpu_instance_id;
  unsigned compute_instance_id;
};

constexpr int kSuccess = 0, kNotSupported = 3, kTooSmall = 7, kLost = 15;
int started = 0;

int copy(const char* from, char* to, unsigned size) {
  if (std::strlen(from) >= size) return kTooSmall;
  std::strcpy(to, from);
  return kSuccess;
}
bool first(void* device) {
  return reinterpret_cast<std::uintptr_t>(device) == 1;
}
int number(void* device, unsigned value, unsigned* out) {
  if (!first(device)) return kNotSupported;
  *out = value;
  return kSuccess;
}

}  // namespace

extern "C" {

int nvmlInit_v2() {
  const char* error = std::getenv("TEST_NVML_ERROR");
  if (error != nullptr) return std::atoi(error);
  ++started;
  return kSuccess;
}
int nvmlShutdown() {
  --started;
  return kSuccess;
}
int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = started == 1 ? 3 : 0;
  return kSuccess;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (index == 2) return kLost;
  *device = reinterpret_cast<void*>(static_cast<std::uintptr_t>(index + 1));
  return kSuccess;
}
int nvmlDeviceGetName(void* device, char* name, unsigned size) {
  return copy(first(device) ? "NVIDIA Test 1" : "NVIDIA GB10", name, size);
}
int nvmlDeviceGetUUID(void* device, char* uuid, unsigned size) {
  return copy(first(device) ? "GPU-1" : "GPU-2", uuid, size);
}
int nvmlDeviceGetPciInfo_v2(void* device, void* info) {
  std::memset(info, 0, 52);
  std::strcpy(static_cast<char*>(info), first(device) ? "0000:C1:00.0" : "000F:01:00.0");
  return kSuccess;
}
int nvmlDeviceGetTemperature(void* device, int, unsigned* celsius) {
  return number(device, 61, celsius);
}
int nvmlDeviceGetUtilizationRates(void*, unsigned* rates) {
  rates[0] = 33;
  rates[1] = 5;
  return kSuccess;
}
int nvmlDeviceGetMemoryInfo(void* device, unsigned long long* memory) {
  if (!first(device)) return kNotSupported;
  memory[0] = 24ull << 30;
  memory[1] = 23ull << 30;
  memory[2] = 1ull << 30;
  return kSuccess;
}
int nvmlDeviceGetFanSpeed(void* device, unsigned* percent) {
  return number(device, 45, percent);
}
int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  return number(device, 123456, milliwatts);
}
int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned* milliwatts) {
  return number(device, 350000, milliwatts);
}
int nvmlDeviceGetCudaComputeCapability(void* device, int* major, int* minor) {
  *major = first(device) ? 9 : 12;
  *minor = first(device) ? 0 : 1;
  return kSuccess;
}
// 40 processes with a MiB each, from 1000 on; of the second device one that it knows nothing of.
int nvmlDeviceGetComputeRunningProcesses_v3(void* device, unsigned* count, ProcessInfo* infos) {
  const unsigned number = first(device) ? 40 : 1;
  const bool fits = *count >= number;
  *count = number;
  if (!fits) return kTooSmall;
  for (unsigned i = 0; i < number; ++i)
    infos[i] = {1000 + i, first(device) ? 1ull << 20 : ~0ull, 0, 0};
  return kSuccess;
}
int nvmlSystemGetDriverVersion(char* version, unsigned size) {
  return copy("550.1", version, size);
}
}
