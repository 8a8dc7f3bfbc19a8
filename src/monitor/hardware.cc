#include "monitor/hardware.h"

#include <nlohmann/json.hpp>

#include "util/timestamp.h"

namespace llama_swap::monitor {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds kBudget{10};

Json or_null(const std::string& text) {
  return text.empty() ? Json() : Json(text);
}

template <class Number>
Json or_null(const std::optional<Number>& number) {
  return number ? Json(*number) : Json();
}

const char* name_of(MemoryKind kind) {
  switch (kind) {
    case MemoryKind::dedicated:
      return "dedicated";
    case MemoryKind::unified:
      return "unified";
    case MemoryKind::shared_system:
      return "shared_system";
    case MemoryKind::unknown:
      break;
  }
  return "unknown";
}

Json json_of(const Accelerator& a, std::size_t index) {
  Json memory{{"kind", name_of(a.memory_kind)}, {"capacity_bytes", or_null(a.memory_bytes)}};
  Json driver;
  if (!a.driver.empty()) driver = Json{{"name", a.driver}, {"version", or_null(a.driver_version)}};
  return Json{{"index", index},
              {"kind", "gpu"},
              {"vendor", or_null(a.vendor)},
              {"model", or_null(a.model)},
              {"architecture", or_null(a.architecture)},
              {"memory", std::move(memory)},
              {"driver", std::move(driver)},
              {"power_limit_watts", or_null(a.power_limit_w)}};
}

}  // namespace

util::Result<Hardware> detect_hardware(const StopSignal& stop) {
  const util::Time deadline = util::Clock::now() + kBudget;
  const Ask ask = [&](const Argv& argv) {
    if (!in_path(argv[0])) return std::string();
    return output_of(argv, stop, deadline).value_or("");
  };
  Hardware out;
  out.captured_at = std::chrono::system_clock::now();
  std::string virtualization;
  if (in_path("systemd-detect-virt")) {
    virtualization = ask({"systemd-detect-virt"});
    if (virtualization.empty()) virtualization = "none";  // which it says with exit status 1
  }
  out.machine = read_machine(virtualization);
  if (out.machine.memory_bytes <= 0)
    return util::fail(util::Errc::unavailable, "the size of the memory is not known");

  std::vector<Accelerators> sources;
  sources.push_back(ask_nvidia_smi(ask, out.machine.memory_bytes));
  if (sources.back().empty())
    if (auto nvml = Nvml::open()) sources.push_back(ask_nvml(*nvml, out.machine.memory_bytes));
  sources.push_back(ask_rocm_smi(ask));
  sources.push_back(read_kfd());
  sources.push_back(read_drm());
  if (stop.raised()) return util::fail(util::Errc::cancelled, "stopped");
  out.accelerators = merged(sources);
  return out;
}

std::string hardware_json(const Hardware& hardware, std::string_view version) {
  const Machine& m = hardware.machine;
  Json detector{{"name", "llama-swap"}, {"version", version}};
  Json accelerators = Json::array();
  for (const Accelerator& a : hardware.accelerators)
    accelerators.push_back(json_of(a, accelerators.size()));
  const Json out{
      {"schema_version", 1},
      {"captured_at", util::rfc3339(hardware.captured_at)},
      {"capture",
       {{"scope", "inference_host"}, {"method", "detected"}, {"detector", std::move(detector)}}},
      {"architecture", {{"name", m.architecture}, {"raw_name", or_null(m.raw_architecture)}}},
      {"operating_system",
       {{"family", "linux"},
        {"name", or_null(m.os_name)},
        {"version", or_null(m.os_version)},
        {"kernel", or_null(m.kernel)}}},
      {"environment",
       {{"kind", m.environment.kind}, {"name", or_null(m.environment.name)}, {"version", nullptr}}},
      {"cpu",
       {{"vendor", or_null(m.cpu.vendor)},
        {"model", or_null(m.cpu.model)},
        {"socket_count", or_null(m.cpu.sockets)},
        {"physical_core_count", or_null(m.cpu.physical_cores)},
        {"logical_thread_count", or_null(m.cpu.threads)}}},
      {"memory", Json::object({{"capacity_bytes", m.memory_bytes}})},
      {"accelerators", std::move(accelerators)}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace llama_swap::monitor
