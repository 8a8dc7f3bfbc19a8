#include "monitor/sysfs.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "monitor/parse_number.h"
#include "monitor/pci.h"
#include "util/text.h"

namespace llama_swap::monitor {

namespace fs = std::filesystem;

std::string read_attribute(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return "";
  char page[4096];
  const ssize_t size = ::read(fd, page, sizeof page);
  ::close(fd);
  if (size <= 0) return "";
  return std::string(util::trim({page, static_cast<std::size_t>(size)}));
}

std::optional<std::int64_t> read_number(const fs::path& file) {
  const std::string text = read_attribute(file);
  if (!text.starts_with("0x")) return parse_number<std::int64_t>(text);
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + 2, end, value, 16);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

std::string link_name(const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  return error ? "" : target.filename().string();
}

std::vector<fs::path> entries(const fs::path& directory, std::string_view prefix) {
  std::vector<std::pair<int, fs::path>> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    int number = 0;
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), number);
    found.emplace_back(number, entry->path());
  }
  std::ranges::sort(found);
  std::vector<fs::path> out;
  for (auto& [number, path] : found) out.push_back(std::move(path));
  return out;
}

std::vector<DrmCard> drm_cards(const fs::path& sys) {
  std::vector<DrmCard> out;
  for (const fs::path& path : entries(sys / "class/drm", "card")) {
    const auto number = parse_number<int>(path.filename().string().substr(4));
    if (!number) continue;  // "card0-HDMI-A-1"
    DrmCard card{path, path / "device", *number, 0, "", ""};
    card.vendor = static_cast<int>(read_number(card.device / "vendor").value_or(0));
    card.pci = normalized_pci(link_name(card.device));
    card.driver = link_name(card.device / "driver");
    out.push_back(std::move(card));
  }
  return out;
}

std::string vendor_name(int vendor) {
  switch (vendor) {
    case kVendorNvidia:
      return "NVIDIA";
    case kVendorAmd:
    case kVendorAmdChipset:
      return "AMD";
    case kVendorIntel:
      return "Intel";
    case kVendorApple:
      return "Apple";
    default:
      return "";
  }
}

}  // namespace llama_swap::monitor
