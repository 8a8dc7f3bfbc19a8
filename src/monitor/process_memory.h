// Linux: what /proc says about memory of processes. `proc` is where it is mounted. Blocks; a
// process that ends meanwhile counts for nothing.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>

namespace llama_swap::monitor {

// The trees of processes that are asked about.
struct ProcessTree {
  std::uint64_t serial = 0;  // of the instance
  pid_t root = 0;            // who started it all, and does not count itself
};

// Of all processes below the roots: to which tree they belong.
std::map<pid_t, std::uint64_t> members(std::span<const ProcessTree> trees,
                                       const std::filesystem::path& proc);

// In bytes. Of memory shared with others its share, where the kernel tells that at a low price: it
// walks the page tables for it, with a lock that the process may want. So of processes up to 1 GiB;
// of larger ones all that is resident.
std::int64_t resident_bytes(pid_t pid, const std::filesystem::path& proc);

// An open device: PCI address and number.
using DrmClients = std::set<std::pair<std::string, std::string>>;

// Bytes by PCI address of the device, as drivers of the kernel tell through the descriptors of a
// process (Documentation/gpu/drm-usage-stats): amdgpu, xe, i915, nouveau. Of clients in `seen`,
// which gets those of this process, too, nothing: a client may have several descriptors, also in
// processes that were forked later.
std::map<std::string, std::int64_t> drm_bytes(pid_t pid, const std::filesystem::path& proc,
                                              DrmClients& seen);

}  // namespace llama_swap::monitor
