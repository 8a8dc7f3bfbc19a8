#include "observe/system_sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace llama_swap::observe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kStat =
    "cpu  300 0 100 800 0 0 0 0 0 0\n"
    "cpu0 100 20 30 800 40 5 5 10 50 7\n"
    "cpu3 1 0 0 1\n"
    "intr 12 3 4\n"
    "cpux 1 2 3\n"
    "btime 1700000000\n";

TEST(SystemSample, Cores) {
  const auto cores = parse_proc_stat(kStat);
  ASSERT_EQ(cores.size(), 2u);
  EXPECT_EQ(cores[0].core, 0);
  EXPECT_EQ(cores[0].busy, 170u);
  EXPECT_EQ(cores[0].total, 1010u);
  EXPECT_EQ(cores[1].core, 3);
  EXPECT_EQ(cores[1].busy, 1u);
  EXPECT_EQ(cores[1].total, 2u);
  EXPECT_THAT(parse_proc_stat(""), IsEmpty());
}

TEST(SystemSample, CpuPercent) {
  const std::vector<CoreTime> before{{0, 100, 1000}, {1, 500, 1000}, {2, 10, 50}};
  const struct {
    const char* name;
    std::vector<CoreTime> now;
    std::vector<double> want;
  } cases[] = {
      {"busy and idle", {{0, 150, 1100}, {1, 500, 1100}, {2, 60, 100}}, {50, 0, 100}},
      {"two decimals", {{0, 101, 1003}}, {33.33}},
      {"no time has passed", {{0, 100, 1000}}, {0}},
      {"a counter went back", {{0, 99, 1100}, {1, 700, 1100}}, {0, 100}},
      {"a core came, one went", {{0, 200, 1100}, {7, 900, 1000}}, {100, 0}},
      {"nothing", {}, {}},
  };
  for (const auto& c : cases) EXPECT_EQ(cpu_percent(before, c.now), c.want) << c.name;
}

TEST(SystemSample, Memory) {
  const struct {
    const char* text;
    std::vector<std::int64_t> want;  // total, used, free, swap total, swap used
  } cases[] = {
      {"MemTotal:       16384000 kB\nMemFree:         1024000 kB\nMemAvailable:    8192000 kB\n"
       "Buffers:          100 kB\nCached:          200 kB\nSwapCached: 9 kB\n"
       "SwapTotal:       2048000 kB\nSwapFree:        1024000 kB\n",
       {16000, 8000, 1000, 2000, 1000}},
      {"MemTotal: 10240 kB\nMemFree: 2048 kB\nBuffers: 1024 kB\nCached: 3072 kB\n",
       {10, 4, 2, 0, 0}},
      {"MemTotal: x\nno colon\n", {0, 0, 0, 0, 0}},
      {"MemTotal: 1024 kB\nMemAvailable: 9999 kB\nSwapFree: 99999 kB\n", {1, 0, 0, 0, 0}},
  };
  for (const auto& c : cases) {
    SystemSample out;
    parse_meminfo(c.text, out);
    EXPECT_THAT(
        (std::vector<std::int64_t>{out.memory_total_mib, out.memory_used_mib, out.memory_free_mib,
                                   out.swap_total_mib, out.swap_used_mib}),
        ::testing::ContainerEq(c.want))
        << c.text;
  }
}

TEST(SystemSample, Load) {
  SystemSample out;
  parse_loadavg("0.52 11.00 3.7 2/1234 5678\n", out);
  EXPECT_EQ(out.load_1, 0.52);
  EXPECT_EQ(out.load_5, 11);
  EXPECT_EQ(out.load_15, 3.7);
}

TEST(SystemSample, Network) {
  SystemSample out;
  parse_net_dev(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
      "    lo: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n"
      "  eth0: 18446744073709551615 2 0 0 0 0 0 0 77 1 0 0 0 0 0 0\n"
      "eth0:1:12 2 0 0 0 0 0 0 13 1 0 0 0 0 0 0\n"
      "   tun: 3\n",
      out);
  std::vector<std::string> seen;
  for (const NetworkCounters& n : out.network)
    seen.push_back(n.interface + " " + std::to_string(n.bytes_received) + " " +
                   std::to_string(n.bytes_sent));
  EXPECT_THAT(seen, ElementsAre("eth0 18446744073709551615 77", "eth0:1 12 13", "tun 3 0"));
}

TEST(SystemSample, ReadsTwice) {
  namespace fs = std::filesystem;
  const fs::path root =
      fs::temp_directory_path() / ("system_sample_test." + std::to_string(::getpid()));
  fs::create_directories(root / "net");
  const auto write = [&](const char* file, const char* text) {
    std::ofstream(root / file) << text;
  };
  write("stat", "cpu0 10 0 0 90\n");
  SystemReader reader(root);
  write("stat", "cpu0 35 0 0 165\n");
  write("meminfo", "MemTotal: 2048 kB\n");
  write("loadavg", "1 2 3\n");
  write("net/dev", "eth0: 1 0 0 0 0 0 0 0 2\n");
  const WallTime now{std::chrono::seconds(5)};
  const SystemSample first = reader.read(now);
  EXPECT_EQ(first.at, now);
  EXPECT_THAT(first.cpu_percent, ElementsAre(25));
  EXPECT_EQ(first.memory_total_mib, 2);
  EXPECT_EQ(first.load_15, 3);
  EXPECT_EQ(first.network.size(), 1u);
  EXPECT_THAT(reader.read(now).cpu_percent, ElementsAre(0));  // since the reading before
  fs::remove_all(root);
  EXPECT_THAT(reader.read(now).cpu_percent, IsEmpty());
}

}  // namespace
}  // namespace llama_swap::observe
