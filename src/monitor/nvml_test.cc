#include "monitor/nvml.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace llama_swap::monitor {
namespace {

TEST(Nvml, NotThere) {
  const auto opened = Nvml::open("libnothing-of-that-name.so.1");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, util::Errc::not_found);
}

TEST(Nvml, AnotherLibrary) {
  const auto opened = Nvml::open("libm.so.6");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, util::Errc::unavailable);
}

TEST(Nvml, NoDriver) {
  ::setenv("TEST_NVML_ERROR", "9", 1);
  const auto opened = Nvml::open(TEST_NVML);
  ::unsetenv("TEST_NVML_ERROR");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, util::Errc::unavailable);
}

TEST(Nvml, Samples) {
  auto nvml = Nvml::open(TEST_NVML);
  ASSERT_TRUE(nvml) << nvml.error().message;
  const auto samples = nvml->read();
  ASSERT_EQ(samples.size(), 2u);
  const DeviceSample& a = samples[0];
  EXPECT_EQ(a.pci, "0000:c1:00.0");
  EXPECT_EQ(a.name, "NVIDIA Test 1");
  EXPECT_EQ(a.uuid, "GPU-1");
  EXPECT_EQ(a.temperature_c, 61);
  EXPECT_EQ(a.vram_temperature_c, std::nullopt);
  EXPECT_EQ(a.busy_percent, 33);
  EXPECT_EQ(a.memory_total_mib, 24 * 1024);
  EXPECT_EQ(a.memory_used_mib, 1024);
  EXPECT_EQ(a.fan_percent, 45);
  EXPECT_EQ(a.power_w, 123.456);
  const DeviceSample& b = samples[1];
  EXPECT_EQ(b.pci, "000f:01:00.0");
  EXPECT_EQ(b.busy_percent, 33);
  EXPECT_FALSE(b.temperature_c || b.memory_total_mib || b.memory_used_mib || b.fan_percent ||
               b.power_w);
}

TEST(Nvml, Devices) {
  auto nvml = Nvml::open(TEST_NVML);
  ASSERT_TRUE(nvml);
  EXPECT_EQ(nvml->driver_version(), "550.1");
  const auto devices = nvml->devices();
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[0].architecture, "Hopper");
  EXPECT_EQ(devices[0].memory_bytes, 24ll << 30);
  EXPECT_EQ(devices[0].power_limit_w, 350);
  EXPECT_EQ(devices[1].architecture, "Blackwell");
  EXPECT_EQ(devices[1].memory_bytes, std::nullopt);
  EXPECT_EQ(devices[1].power_limit_w, std::nullopt);
}

TEST(Nvml, Processes) {
  auto nvml = Nvml::open(TEST_NVML);
  ASSERT_TRUE(nvml);
  const auto processes = nvml->processes();
  ASSERT_EQ(processes.size(), 40u);
  EXPECT_EQ(processes.front(), (ProcessOnDevice{1000, "GPU-1", 1 << 20}));
  EXPECT_EQ(processes.back(), (ProcessOnDevice{1039, "GPU-1", 1 << 20}));
}

TEST(Nvml, EndsWhatItBegan) {
  for (int i = 0; i < 2; ++i) {  // the library counts: a second one while one is open sees nothing
    auto nvml = Nvml::open(TEST_NVML);
    ASSERT_TRUE(nvml);
    EXPECT_EQ(nvml->read().size(), 2u);
  }
}

}  // namespace
}  // namespace llama_swap::monitor
