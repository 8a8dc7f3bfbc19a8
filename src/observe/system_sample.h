// Linux: how busy the machine is, from the texts of /proc (runtime 17.2). What is missing in them,
// or not as documented in proc(5), counts as zero or is left out.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace llama_swap::observe {

using WallTime = std::chrono::system_clock::time_point;

struct NetworkCounters {
  std::string interface;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_sent = 0;
};

struct SystemSample {
  WallTime at;
  std::vector<double> cpu_percent;  // of each logical core that is online
  std::int64_t memory_total_mib = 0;
  std::int64_t memory_used_mib = 0;  // what programs could not get
  std::int64_t memory_free_mib = 0;  // what nobody uses, not even as a cache
  std::int64_t swap_total_mib = 0;
  std::int64_t swap_used_mib = 0;
  double load_1 = 0;  // minutes
  double load_5 = 0;
  double load_15 = 0;
  std::vector<NetworkCounters> network;  // without the loopback interface
};

// Time of one core since boot, in clock ticks.
struct CoreTime {
  int core = 0;
  std::uint64_t busy = 0;
  std::uint64_t total = 0;
};

std::vector<CoreTime> parse_proc_stat(std::string_view text);
// Of each core in `now`, since `before`; 0 for one that was not there.
std::vector<double> cpu_percent(const std::vector<CoreTime>& before,
                                const std::vector<CoreTime>& now);
void parse_meminfo(std::string_view text, SystemSample& out);
void parse_loadavg(std::string_view text, SystemSample& out);
void parse_net_dev(std::string_view text, SystemSample& out);

// Reads all of it. A busy percentage needs two readings: the first is made on construction. Blocks
// on files; one thread at a time.
class SystemReader {
 public:
  explicit SystemReader(std::filesystem::path proc = "/proc");
  SystemSample read(WallTime now);

 private:
  std::string text_of(const char* file) const;

  const std::filesystem::path proc_;
  std::vector<CoreTime> before_;
};

}  // namespace llama_swap::observe
