#include "monitor/pci.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "util/text.h"

namespace llama_swap::monitor {
namespace {

std::optional<unsigned> hex(std::string_view text, unsigned limit) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size() || value > limit)
    return std::nullopt;
  return value;
}

}  // namespace

std::string normalized_pci(std::string_view address) {
  auto parts = util::split(util::trim(address), ':');
  if (parts.size() == 2) parts.insert(parts.begin(), "0");
  if (parts.size() != 3) return "";
  const auto slot = util::split(parts[2], '.');
  if (slot.size() != 2) return "";
  const auto domain = hex(parts[0], 0xffffffff), bus = hex(parts[1], 0xff);
  const auto device = hex(slot[0], 0x1f), function = hex(slot[1], 7);
  if (!domain || !bus || !device || !function) return "";
  return fmt::format("{:04x}:{:02x}:{:02x}.{:x}", *domain, *bus, *device, *function);
}

}  // namespace llama_swap::monitor
