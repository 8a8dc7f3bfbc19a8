// Linux: what is known of the machine itself. "" and nothing: not known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace llama_swap::monitor {

struct Cpu {
  std::string vendor;
  std::string model;
  std::optional<int> sockets;
  std::optional<int> physical_cores;
  std::optional<int> threads;
};

struct Environment {
  std::string kind = "unknown";  // native, container, virtual_machine, wsl, other, unknown
  std::string name;
};

struct Machine {
  std::string architecture;      // as in http-api 24.2
  std::string raw_architecture;  // as uname says, if that is another name
  std::string os_name;
  std::string os_version;
  std::string kernel;
  Environment environment;
  Cpu cpu;
  std::int64_t memory_bytes = 0;
};

// `virtualization`: what systemd-detect-virt writes; "" if it was not there. Blocks on files.
Machine read_machine(std::string_view virtualization, const std::filesystem::path& root = "/");

// Exposed for the tests.
Cpu parse_cpuinfo(std::string_view text);
// Bytes of all zones but those of devices.
std::int64_t parse_zoneinfo(std::string_view text, std::int64_t page_bytes);
// From the name that virtualization tools use; "none" is native.
Environment environment_of(std::string_view virtualization);

}  // namespace llama_swap::monitor
