#include "monitor/process_memory.h"

#include <unistd.h>

#include <optional>

#include "monitor/parse_number.h"
#include "monitor/sysfs.h"
#include "util/text.h"

namespace llama_swap::monitor {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kCheapToShare = std::int64_t{1} << 30;

fs::path of(const fs::path& proc, pid_t pid) {
  return proc / std::to_string(pid);
}

// "pid (name) state ppid ...": the name may hold blanks and parentheses.
pid_t parent_of(std::string_view stat) {
  const std::size_t paren = stat.rfind(')');
  if (paren == stat.npos) return 0;
  const auto fields = util::split(util::trim(stat.substr(paren + 1)), ' ');
  return fields.size() < 2 ? 0 : parse_number<pid_t>(fields[1]).value_or(0);
}

std::map<pid_t, pid_t> parents(const fs::path& proc) {
  std::map<pid_t, pid_t> out;
  std::error_code error;
  for (fs::directory_iterator entry(proc, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto pid = parse_number<pid_t>(entry->path().filename().string());
    if (pid) out[*pid] = parent_of(read_attribute(entry->path() / "stat"));
  }
  return out;
}

// "Name: 123 kB", with KiB and MiB where drivers write so. Nothing: it is no such line.
struct Field {
  std::string_view name;
  std::string_view value;
};
std::optional<Field> field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return std::nullopt;
  return Field{util::trim(line.substr(0, colon)), util::trim(line.substr(colon + 1))};
}
std::int64_t bytes(std::string_view value) {
  const std::size_t blank = value.find(' ');
  const auto number = parse_number<std::int64_t>(value.substr(0, blank));
  if (!number || *number < 0) return 0;
  const std::string_view unit =
      blank == value.npos ? std::string_view() : util::trim(value.substr(blank));
  const std::int64_t factor = unit == "kB" || unit == "KiB" ? 1 << 10 : unit == "MiB" ? 1 << 20 : 1;
  return *number > (std::int64_t{1} << 42) ? 0 : *number * factor;
}

// Memory of the device, not of the system that it has mapped.
bool is_device_region(std::string_view region) {
  return region.starts_with("vram") || region.starts_with("local");
}

// One open device. Three keys tell the same: what is resident is better than what was asked for.
struct Client {
  std::string device;
  std::string id;
  std::int64_t resident = 0, memory = 0, total = 0;
  std::int64_t bytes() const { return resident > 0 ? resident : memory > 0 ? memory : total; }
};

Client parse_client(std::string_view text) {
  Client out;
  const auto add = [](std::int64_t& sum, const Field& from, std::string_view prefix) {
    if (from.name.starts_with(prefix) && is_device_region(from.name.substr(prefix.size())))
      sum += bytes(from.value);
  };
  for (const std::string_view line : util::split(text, '\n')) {
    const auto found = field(line);
    if (!found) continue;
    if (found->name == "drm-pdev") out.device = found->value;
    if (found->name == "drm-client-id") out.id = found->value;
    add(out.resident, *found, "drm-resident-");
    add(out.memory, *found, "drm-memory-");
    add(out.total, *found, "drm-total-");
  }
  return out;
}

}  // namespace

std::map<pid_t, std::uint64_t> members(std::span<const ProcessTree> trees, const fs::path& proc) {
  std::map<pid_t, std::uint64_t> out;
  const std::map<pid_t, pid_t> parent = parents(proc);
  std::map<pid_t, std::uint64_t> roots;
  for (const ProcessTree& tree : trees)
    if (tree.root > 0) roots[tree.root] = tree.serial;
  for (const auto& [pid, its_parent] : parent) {
    // What is read one after the other may form a circle.
    std::size_t steps = 0;
    for (pid_t at = its_parent; at > 0 && steps < parent.size(); ++steps) {
      if (const auto root = roots.find(at); root != roots.end()) {
        out[pid] = root->second;
        break;
      }
      const auto above = parent.find(at);
      at = above == parent.end() ? 0 : above->second;
    }
  }
  return out;
}

std::int64_t resident_bytes(pid_t pid, const fs::path& proc) {
  const std::string statm = read_attribute(of(proc, pid) / "statm");
  const auto pages = util::split(statm, ' ');
  if (pages.size() < 2) return 0;
  const std::int64_t resident =
      parse_number<std::int64_t>(pages[1]).value_or(0) * ::sysconf(_SC_PAGESIZE);
  if (resident > kCheapToShare) return resident;
  const std::string rollup = read_attribute(of(proc, pid) / "smaps_rollup");
  for (const std::string_view line : util::split(rollup, '\n')) {
    const auto found = field(line);
    if (found && found->name == "Pss") return bytes(found->value);
  }
  return resident;
}

std::map<std::string, std::int64_t> drm_bytes(pid_t pid, const fs::path& proc, DrmClients& seen) {
  std::map<std::string, std::int64_t> out;
  std::error_code error;
  for (fs::directory_iterator entry(of(proc, pid) / "fd", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code unreadable;
    const fs::path target = fs::read_symlink(entry->path(), unreadable);
    if (unreadable || !target.native().starts_with("/dev/dri/")) continue;
    const Client client =
        parse_client(read_attribute(of(proc, pid) / "fdinfo" / entry->path().filename()));
    if (client.device.empty() || client.bytes() == 0) continue;
    if (seen.emplace(client.device, client.id).second) out[client.device] += client.bytes();
  }
  return out;
}

}  // namespace llama_swap::monitor
