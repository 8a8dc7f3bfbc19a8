#include "observe/system_sample.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>

#include "util/text.h"

namespace llama_swap::observe {
namespace {

constexpr std::int64_t kKibPerMib = 1024;

// The blank-separated words of a text, one after the other; "" when there are no more.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}
  std::string_view next() {
    const std::size_t begin = std::min(rest_.find_first_not_of(" \t"), rest_.size());
    const std::size_t end = std::min(rest_.find_first_of(" \t", begin), rest_.size());
    const std::string_view word = rest_.substr(begin, end - begin);
    rest_.remove_prefix(end);
    return word;
  }
  template <class Number>
  Number number() {
    const std::string_view word = next();
    Number value{};
    std::from_chars(word.data(), word.data() + word.size(), value);
    return value;
  }

 private:
  std::string_view rest_;
};

// "cpu3 ..." is 3; the line of all cores together, and every other one, is nothing.
std::optional<int> core_number(std::string_view word) {
  if (!word.starts_with("cpu")) return std::nullopt;
  word.remove_prefix(3);
  int core = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), core);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return core;
}

}  // namespace

std::vector<CoreTime> parse_proc_stat(std::string_view text) {
  enum { user, nice, system, idle, iowait, irq, softirq, steal, count };
  std::vector<CoreTime> cores;
  for (const std::string_view line : util::split(text, '\n')) {
    Words words(line);
    const auto core = core_number(words.next());
    if (!core) continue;
    // What follows, the time of guests, is part of user and nice already.
    std::array<std::uint64_t, count> ticks{};
    std::uint64_t total = 0;
    for (std::uint64_t& field : ticks) total += field = words.number<std::uint64_t>();
    cores.push_back({*core, total - ticks[idle] - ticks[iowait], total});
  }
  return cores;
}

std::vector<double> cpu_percent(const std::vector<CoreTime>& before,
                                const std::vector<CoreTime>& now) {
  std::vector<double> out;
  for (const CoreTime& core : now) {
    const auto old = std::ranges::find(before, core.core, &CoreTime::core);
    // Counters of the kernel may go back a little (proc(5), iowait).
    const bool known = old != before.end() && core.total > old->total && core.busy > old->busy;
    const double share = known ? static_cast<double>(core.busy - old->busy) /
                                     static_cast<double>(core.total - old->total)
                               : 0.0;
    out.push_back(std::round(std::min(share, 1.0) * 10'000) / 100);
  }
  return out;
}

void parse_meminfo(std::string_view text, SystemSample& out) {
  std::int64_t total = 0, free = 0, buffers = 0, cached = 0, swap_total = 0, swap_free = 0;
  std::int64_t available = -1;  // kernels before 3.14 do not say
  const struct {
    std::string_view name;
    std::int64_t& kib;
  } fields[] = {{"MemTotal:", total},    {"MemFree:", free},  {"MemAvailable:", available},
                {"Buffers:", buffers},   {"Cached:", cached}, {"SwapTotal:", swap_total},
                {"SwapFree:", swap_free}};
  for (const std::string_view line : util::split(text, '\n')) {
    Words words(line);
    const std::string_view name = words.next();
    for (const auto& field : fields)
      if (field.name == name) field.kib = words.number<std::int64_t>();
  }
  if (available < 0) available = free + buffers + cached;
  out.memory_total_mib = total / kKibPerMib;
  out.memory_used_mib = std::max<std::int64_t>(total - available, 0) / kKibPerMib;
  out.memory_free_mib = free / kKibPerMib;
  out.swap_total_mib = swap_total / kKibPerMib;
  out.swap_used_mib = std::max<std::int64_t>(swap_total - swap_free, 0) / kKibPerMib;
}

void parse_loadavg(std::string_view text, SystemSample& out) {
  Words words(text);
  out.load_1 = words.number<double>();
  out.load_5 = words.number<double>();
  out.load_15 = words.number<double>();
}

void parse_net_dev(std::string_view text, SystemSample& out) {
  constexpr int kReceiveFields = 8;  // then the bytes sent
  for (const std::string_view line : util::split(text, '\n')) {
    const std::size_t colon = line.rfind(':');  // an alias has one in its name
    if (colon == line.npos) continue;           // the headings
    const std::string_view name = util::trim(line.substr(0, colon));
    if (name == "lo") continue;
    Words words(line.substr(colon + 1));
    NetworkCounters counters{std::string(name), words.number<std::uint64_t>(), 0};
    for (int skipped = 1; skipped < kReceiveFields; ++skipped) words.next();
    counters.bytes_sent = words.number<std::uint64_t>();
    out.network.push_back(std::move(counters));
  }
}

SystemReader::SystemReader(std::filesystem::path proc)
    : proc_(std::move(proc)), before_(parse_proc_stat(text_of("stat"))) {}

SystemSample SystemReader::read(WallTime now) {
  SystemSample sample;
  sample.at = now;
  std::vector<CoreTime> cores = parse_proc_stat(text_of("stat"));
  sample.cpu_percent = cpu_percent(before_, cores);
  before_ = std::move(cores);
  parse_meminfo(text_of("meminfo"), sample);
  parse_loadavg(text_of("loadavg"), sample);
  parse_net_dev(text_of("net/dev"), sample);
  return sample;
}

std::string SystemReader::text_of(const char* file) const {
  std::ifstream in(proc_ / file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace llama_swap::observe
