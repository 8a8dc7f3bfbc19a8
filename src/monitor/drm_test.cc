#include "monitor/drm.h"

#include <gtest/gtest.h>

#include "monitor/sysfs.h"
#include "monitor/test_support.h"

namespace llama_swap::monitor {
namespace {

using std::chrono::seconds;

struct DrmTest : ::testing::Test {
  testing::FakeTree tree;
  DrmReader reader{tree.root()};
  util::Time now{seconds(1000)};
};

TEST_F(DrmTest, NoCards) {
  EXPECT_TRUE(reader.read(now).empty());
}

TEST_F(DrmTest, Amd) {
  const std::string device = tree.card("", 1, "0000:03:00.0", "0x1002", "amdgpu");
  tree.file("class/drm/card1-HDMI-A-1/status", "connected");
  tree.file(device + "product_name", "Radeon Pro");
  tree.file(device + "unique_id", "abc123");
  tree.file(device + "mem_info_vram_total", "17163091968");
  tree.file(device + "mem_info_vram_used", "1073741824");
  tree.file(device + "gpu_busy_percent", "7");
  const std::string hwmon = device + "hwmon/hwmon4/";
  tree.file(hwmon + "temp2_label", "junction");
  tree.file(hwmon + "temp2_input", "70000");
  tree.file(hwmon + "temp1_label", "edge");
  tree.file(hwmon + "temp1_input", "50600");
  tree.file(hwmon + "temp3_label", "mem");
  tree.file(hwmon + "temp3_input", "62000");
  tree.file(hwmon + "temp1_crit", "100000");
  tree.file(hwmon + "power1_average", "25500000");
  tree.file(hwmon + "pwm1", "51");
  tree.file(hwmon + "pwm1_max", "255");
  const auto samples = reader.read(now);
  ASSERT_EQ(samples.size(), 1u);
  const DeviceSample& s = samples[0];
  EXPECT_EQ(s.pci, "0000:03:00.0");
  EXPECT_EQ(s.name, "Radeon Pro");
  EXPECT_EQ(s.uuid, "abc123");
  EXPECT_EQ(s.temperature_c, 51);
  EXPECT_EQ(s.vram_temperature_c, 62);
  EXPECT_EQ(s.busy_percent, 7);
  EXPECT_EQ(s.memory_total_mib, 16368);
  EXPECT_EQ(s.memory_used_mib, 1024);
  EXPECT_EQ(s.fan_percent, 20);
  EXPECT_EQ(s.power_w, 25.5);
}

// Its drivers count energy, and the time in which the card slept.
TEST_F(DrmTest, Intel) {
  const std::string device = tree.card("", 0, "0000:00:02.0", "0x8086", "i915");
  const auto count = [&](const char* energy_uj, const char* idle_ms) {
    tree.file(device + "hwmon/hwmon1/energy1_input", energy_uj);
    tree.file("class/drm/card0/gt/gt0/rc6_residency_ms", idle_ms);
  };
  count("5000000", "100");
  auto samples = reader.read(now);
  ASSERT_EQ(samples.size(), 1u);
  EXPECT_EQ(samples[0].name, "Intel GPU 1234");
  EXPECT_FALSE(samples[0].says_something());
  count("105000000", "3850");
  samples = reader.read(now += seconds(5));
  EXPECT_EQ(samples[0].power_w, 20);
  EXPECT_EQ(samples[0].busy_percent, 25);
  count("1000", "20000");  // the energy counter has begun anew; more idle than time has passed
  samples = reader.read(now += seconds(5));
  EXPECT_EQ(samples[0].power_w, std::nullopt);
  EXPECT_EQ(samples[0].busy_percent, 0);
}

TEST_F(DrmTest, OnlyWhatComputes) {
  tree.card("", 0, "0000:06:00.0", "0x1a03", "ast");
  tree.card("", 10, "0000:0a:00.0", "0x10de", "nouveau");
  tree.card("", 2, "0000:02:00.0", "0x1002", "amdgpu");
  const auto samples = reader.read(now);
  ASSERT_EQ(samples.size(), 2u);
  EXPECT_EQ(samples[0].pci, "0000:02:00.0");  // in the order of their numbers
  EXPECT_EQ(samples[1].pci, "0000:0a:00.0");
}

TEST(DeviceSample, Merged) {
  DeviceSample nvml;
  nvml.pci = "0000:c1:00.0";
  nvml.name = "NVIDIA Test";
  nvml.uuid = "GPU-1";
  nvml.memory_total_mib = 100;
  nvml.memory_used_mib = 25;
  DeviceSample drm;
  drm.pci = nvml.pci;
  drm.name = "NVIDIA GPU 1234";
  drm.memory_total_mib = 7;
  drm.temperature_c = 50;
  drm.power_w = 9;
  DeviceSample amd;
  amd.pci = "0000:03:00.0";
  amd.name = "AMD";
  amd.busy_percent = 3;
  DeviceSample silent;
  silent.pci = "0000:00:02.0";
  DeviceSample without_address = amd;
  without_address.pci.clear();
  const auto gpus = merged({{nvml, without_address}, {silent, drm, amd, without_address}});
  ASSERT_EQ(gpus.size(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(gpus[static_cast<std::size_t>(i)].id, i);
  EXPECT_EQ(gpus[0].uuid, "");
  EXPECT_EQ(gpus[2].name, "AMD");
  EXPECT_EQ(gpus[2].uuid, "0000:03:00.0");
  EXPECT_EQ(gpus[2].busy_percent, 3);
  EXPECT_EQ(gpus[3].name, "NVIDIA Test");
  EXPECT_EQ(gpus[3].uuid, "GPU-1");
  EXPECT_EQ(gpus[3].memory_total_mib, 100);
  EXPECT_EQ(gpus[3].memory_percent(), 25);
  EXPECT_EQ(gpus[3].temperature_c, 50);
  EXPECT_EQ(gpus[3].power_w, 9);
}

TEST(Sysfs, Numbers) {
  const testing::FakeTree tree;
  const std::pair<const char*, std::optional<std::int64_t>> cases[] = {
      {"12", 12},         {"0x10de", 0x10de},   {"-5", -5},           {"max", std::nullopt},
      {"", std::nullopt}, {"0x", std::nullopt}, {"1 2", std::nullopt}};
  for (const auto& [text, want] : cases) {
    tree.file("number", text);
    EXPECT_EQ(read_number(tree.root() / "number"), want) << text;
  }
  EXPECT_EQ(read_number(tree.root() / "nothing"), std::nullopt);
}

}  // namespace
}  // namespace llama_swap::monitor
