// Linux: attributes in /sys. Reading one may wake or wait for a device: blocks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace llama_swap::monitor {

// Without blanks and line feeds around it, at most one page; "" if it cannot be read.
std::string read_attribute(const std::filesystem::path& file);
// Decimal, or hexadecimal after 0x.
std::optional<std::int64_t> read_number(const std::filesystem::path& file);
// The last name of where a link leads; "" if it is none.
std::string link_name(const std::filesystem::path& link);
// What is in a directory and begins so, in the order of the numbers that follow.
std::vector<std::filesystem::path> entries(const std::filesystem::path& directory,
                                           std::string_view prefix);

// The graphics cards the kernel knows: /sys/class/drm/card<N>, without their connectors.
struct DrmCard {
  std::filesystem::path path;
  std::filesystem::path device;  // path / "device"
  int number = 0;
  int vendor = 0;   // of the PCI standard
  std::string pci;  // normalized_pci(); "" for a device of another bus
  std::string driver;
};
std::vector<DrmCard> drm_cards(const std::filesystem::path& sys);

inline constexpr int kVendorNvidia = 0x10de;
inline constexpr int kVendorAmd = 0x1002;
inline constexpr int kVendorAmdChipset = 0x1022;
inline constexpr int kVendorIntel = 0x8086;
inline constexpr int kVendorApple = 0x106b;
// "NVIDIA", "AMD", "Intel", "Apple"; "" for those whose devices do not compute.
std::string vendor_name(int vendor);

}  // namespace llama_swap::monitor
