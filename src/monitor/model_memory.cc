#include "monitor/model_memory.h"

#include "monitor/parse_number.h"
#include "util/text.h"

namespace llama_swap::monitor {
namespace {

constexpr std::int64_t kBytesPerMib = 1 << 20;
constexpr util::seconds kToolPatience{4};

}  // namespace

Argv nvidia_smi_processes() {
  return {"nvidia-smi", "--query-compute-apps=pid,used_memory,gpu_uuid",
          "--format=csv,noheader,nounits"};
}

std::vector<ProcessOnDevice> parse_nvidia_smi_processes(std::string_view text) {
  std::vector<ProcessOnDevice> out;
  for (const std::string_view line : util::split(text, '\n')) {
    const auto fields = util::split(line, ',');
    if (fields.size() != 3) continue;
    const auto pid = parse_number<pid_t>(fields[0]);
    const auto mib = parse_number<std::int64_t>(fields[1]);
    const std::string_view device = util::trim(fields[2]);
    if (!pid || !mib || *mib < 0 || *mib > std::int64_t{1} << 32 || device.empty()) continue;
    out.push_back({*pid, std::string(device), *mib * kBytesPerMib});
  }
  return out;
}

std::vector<ProcessOnDevice> MemoryReader::on_nvidia(const StopSignal& stop) {
  if (!std::exchange(tried_nvml_, true)) {
    auto opened = Nvml::open(nvml_library_);
    if (opened) nvml_.emplace(std::move(*opened));
  }
  if (nvml_) return nvml_->processes();
  if (!in_path("nvidia-smi")) return {};
  const auto told = output_of(nvidia_smi_processes(), stop, util::Clock::now() + kToolPatience);
  return told ? parse_nvidia_smi_processes(*told) : std::vector<ProcessOnDevice>();
}

observe::ModelMemory MemoryReader::read(std::span<const ProcessTree> trees,
                                        const StopSignal& stop) {
  observe::ModelMemory out;
  const std::map<pid_t, std::uint64_t> owner = members(trees, proc_);
  if (owner.empty()) return out;
  std::map<std::uint64_t, DrmClients> clients;  // of each tree
  for (const auto& [pid, serial] : owner) {
    observe::InstanceMemory& memory = out[serial];
    memory.resident_bytes += resident_bytes(pid, proc_);
    for (const auto& [device, bytes] : drm_bytes(pid, proc_, clients[serial]))
      memory.device_bytes[device] += bytes;
  }
  for (const ProcessOnDevice& process : on_nvidia(stop)) {
    const auto found = owner.find(process.pid);
    if (found != owner.end()) out[found->second].device_bytes[process.device] += process.bytes;
  }
  return out;
}

}  // namespace llama_swap::monitor
