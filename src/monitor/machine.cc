#include "monitor/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "monitor/parse_number.h"
#include "monitor/sysfs.h"
#include "util/text.h"

namespace llama_swap::monitor {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The value in a line "key <separator> value"; nothing for another line.
std::optional<std::string_view> value_of(std::string_view line, std::string_view key,
                                         char separator) {
  const std::size_t at = line.find(separator);
  if (at == line.npos || util::trim(line.substr(0, at)) != key) return std::nullopt;
  return util::trim(line.substr(at + 1));
}

std::string os_release(std::string_view text, std::string_view key) {
  for (const std::string_view line : util::split(text, '\n')) {
    auto value = value_of(line, key, '=');
    if (!value) continue;
    if (value->size() >= 2 && (value->front() == '"' || value->front() == '\''))
      value = value->substr(1, value->size() - 2);
    return std::string(*value);
  }
  return "";
}

std::string architecture_of(std::string_view machine) {
  if (machine == "x86_64" || machine == "amd64") return "x86_64";
  if (machine == "aarch64" || machine == "arm64") return "arm64";
  if (machine.starts_with("arm")) return "armv7";
  for (const std::string_view same : {"ppc64le", "riscv64", "s390x"})
    if (machine == same) return std::string(same);
  return "other";
}

std::int64_t memory_total(std::string_view meminfo) {
  for (const std::string_view line : util::split(meminfo, '\n')) {
    const auto value = value_of(line, "MemTotal", ':');
    if (!value || !value->ends_with(" kB")) continue;
    return parse_number<std::int64_t>(value->substr(0, value->size() - 3)).value_or(0) * 1024;
  }
  return 0;
}

std::int64_t memory_bytes(const fs::path& root) {
  std::int64_t bytes =
      std::max(memory_total(text_of(root / "proc/meminfo")),
               parse_zoneinfo(text_of(root / "proc/zoneinfo"), ::sysconf(_SC_PAGESIZE)));
  // Of the group that we see as the root; "max" is no number.
  for (const char* file :
       {"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"})
    if (const auto limit = read_number(root / file); limit && *limit > 0)
      bytes = std::min(bytes, *limit);
  return bytes;
}

// Of a virtual machine, by what its firmware says.
Environment by_firmware(const fs::path& root, bool x86) {
  if (!util::icontains(text_of(root / "proc/cpuinfo"), " hypervisor"))
    return {x86 ? "native" : "unknown", ""};  // only x86 has that flag
  const fs::path dmi = root / "sys/class/dmi/id";
  const std::string text =
      read_attribute(dmi / "sys_vendor") + " " + read_attribute(dmi / "product_name");
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"qemu", "KVM"},
      {"kvm", "KVM"},
      {"vmware", "VMware"},
      {"innotek", "VirtualBox"},
      {"virtualbox", "VirtualBox"},
      {"microsoft", "Hyper-V"}};
  for (const auto& [part, name] : kNames)
    if (util::icontains(text, part)) return {"virtual_machine", std::string(name)};
  return {"virtual_machine", ""};
}

Environment environment(const Machine& machine, std::string_view virtualization,
                        const fs::path& root) {
  if (util::icontains(machine.kernel, "microsoft") || util::icontains(machine.kernel, "wsl"))
    return {"wsl", "WSL"};
  std::error_code ignored;
  if (fs::exists(root / ".dockerenv", ignored)) return {"container", "Docker"};
  if (fs::exists(root / "run/.containerenv", ignored)) return {"container", "Podman"};
  if (const std::string name = read_attribute(root / "run/systemd/container"); !name.empty())
    return environment_of(name);
  if (virtualization = util::trim(virtualization); !virtualization.empty())
    return environment_of(virtualization);
  return by_firmware(root, machine.architecture == "x86_64");
}

}  // namespace

Cpu parse_cpuinfo(std::string_view text) {
  Cpu out;
  int threads = 0;
  std::string_view socket;
  std::set<std::string_view> sockets;
  std::set<std::pair<std::string_view, std::string_view>> cores;
  const auto first = [](std::string& mine, std::string_view value) {
    if (mine.empty()) mine = value;
  };
  for (const std::string_view line : util::split(text, '\n')) {
    if (const auto value = value_of(line, "processor", ':'); value && parse_number<int>(*value))
      ++threads;
    if (const auto value = value_of(line, "vendor_id", ':')) first(out.vendor, *value);
    if (const auto value = value_of(line, "model name", ':')) first(out.model, *value);
    if (const auto value = value_of(line, "physical id", ':')) sockets.insert(socket = *value);
    // Follows the "physical id" of the same processor.
    if (const auto value = value_of(line, "core id", ':')) cores.insert({socket, *value});
  }
  const auto counted = [](std::size_t number) -> std::optional<int> {
    if (number == 0) return std::nullopt;
    return static_cast<int>(number);
  };
  out.threads = counted(static_cast<std::size_t>(threads));
  out.sockets = counted(sockets.size());
  if (cores.size() <= static_cast<std::size_t>(threads)) out.physical_cores = counted(cores.size());
  return out;
}

std::int64_t parse_zoneinfo(std::string_view text, std::int64_t page_bytes) {
  std::int64_t pages = 0;
  bool counts = false;
  for (std::string_view line : util::split(text, '\n')) {
    line = util::trim(line);
    if (line.starts_with("Node ")) counts = !line.ends_with(" Device");
    if (const auto present = value_of(line, "present", ' '); present && counts)
      pages += parse_number<std::int64_t>(*present).value_or(0);
  }
  return pages * page_bytes;
}

Environment environment_of(std::string_view name) {
  struct Known {
    std::string_view found, kind, name;
  };
  static constexpr Known kKnown[] = {
      {"none", "native", ""},
      {"wsl", "wsl", "WSL"},
      {"docker", "container", "Docker"},
      {"lxc", "container", "LXC"},
      {"lxc-libvirt", "container", "LXC"},
      {"podman", "container", "Podman"},
      {"systemd-nspawn", "container", "systemd-nspawn"},
      {"rkt", "container", "rkt"},
      {"containerd", "container", "containerd"},
      {"oci", "container", ""},
      {"container-other", "container", ""},
      {"kvm", "virtual_machine", "KVM"},
      {"vmware", "virtual_machine", "VMware"},
      {"oracle", "virtual_machine", "VirtualBox"},
      {"vbox", "virtual_machine", "VirtualBox"},
      {"microsoft", "virtual_machine", "Hyper-V"},
      {"hyperv", "virtual_machine", "Hyper-V"},
      {"vm-other", "virtual_machine", ""},
  };
  for (const Known& known : kKnown)
    if (known.found == name) return {std::string(known.kind), std::string(known.name)};
  return {"virtual_machine", std::string(name)};
}

Machine read_machine(std::string_view virtualization, const fs::path& root) {
  Machine out;
  utsname system{};
  ::uname(&system);
  out.architecture = architecture_of(system.machine);
  // The kernel's usual name for arm64 says nothing more.
  if (out.architecture != system.machine && std::string_view(system.machine) != "aarch64")
    out.raw_architecture = system.machine;
  out.kernel = system.release;
  std::string release = text_of(root / "etc/os-release");
  if (release.empty()) release = text_of(root / "usr/lib/os-release");
  out.os_name = os_release(release, "ID");
  out.os_version = os_release(release, "VERSION_ID");
  out.environment = environment(out, virtualization, root);
  out.cpu = parse_cpuinfo(text_of(root / "proc/cpuinfo"));
  out.memory_bytes = memory_bytes(root);
  return out;
}

}  // namespace llama_swap::monitor
