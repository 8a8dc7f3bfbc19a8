// What tools write, and what we make of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "monitor/gpu_names.h"
#include "monitor/lact.h"
#include "monitor/nvidia_smi.h"
#include "monitor/pci.h"
#include "monitor/rocm_smi.h"

namespace llama_swap::monitor {
namespace {

std::string text(const observe::GpuSample& g) {
  return fmt::format("{} '{}' '{}' {}/{} C {}% {}/{} MiB fan {}% {} W", g.id, g.name, g.uuid,
                     g.temperature_c, g.vram_temperature_c, g.busy_percent, g.memory_used_mib,
                     g.memory_total_mib, g.fan_percent, g.power_w);
}

TEST(NvidiaSmi, Lines) {
  const struct {
    const char* line;
    const char* want;  // "" = ignored
  } cases[] = {
      {"0, NVIDIA GeForce RTX 3090, GPU-2a, 61, 33, 1024, 24576, 45, 123.75",
       "0 'NVIDIA GeForce RTX 3090' 'GPU-2a' 61/0 C 33% 1024/24576 MiB fan 45% 123.75 W"},
      {"1,T,GPU-3,61,0,1,2,[N/A],[Not Supported]\r", "1 'T' 'GPU-3' 61/0 C 0% 1/2 MiB fan 0% 0 W"},
      {"0, NVIDIA GB10, GPU-4, 40, 3, [N/A], [N/A], [N/A], 4.5",
       "0 'NVIDIA GB10' 'GPU-4' 40/0 C 3% 0/0 MiB fan 0% 4.5 W"},
      {"0, T, GPU-5, 1, 2, 3, 4, 5, 6, 7", "0 'T' 'GPU-5' 1/0 C 2% 3/4 MiB fan 5% 6 W"},
      {"0, T, GPU-5, nan, inf, 1e400, 4x, , -", "0 'T' 'GPU-5' 0/0 C 0% 0/0 MiB fan 0% 0 W"},
      {"0, T, GPU-5, 1, 2, 3, 4, 5", ""},
      {"No devices were found", ""},
      {"", ""},
  };
  for (const auto& c : cases) {
    const auto sample = parse_nvidia_smi(c.line);
    EXPECT_EQ(sample ? text(*sample) : "", c.want) << c.line;
  }
}

TEST(NvidiaSmi, Interval) {
  EXPECT_EQ(nvidia_smi_loop(util::Millis(5000)).back(), "5");
  EXPECT_EQ(nvidia_smi_loop(util::Millis(6900)).back(), "6");
  EXPECT_EQ(nvidia_smi_loop(util::Millis(100)).back(), "1");
}

TEST(RocmSmi, Tables) {
  const std::string header =
      "device,Device Name,GUID,Temperature (Sensor edge) (C),Temperature (Sensor memory) (C),"
      "Fan speed (%),Average Graphics Package Power (W),GPU use (%),VRAM Total Memory (B),"
      "VRAM Total Used Memory (B),Card Series,GFX Version\n";
  const struct {
    std::string output;
    const char* want;
  } cases[] = {
      {"WARNING: AMD GPU device(s) is/are in a low-power state\n\n" + header +
           "card0,Navi,41,50.6,62.0,33,25.5,7,17163091968,1073741824,Radeon RX,gfx1100\r\n"
           "card12,Vega,42,N/A,N/A,N/A,N/A,N/A,1048576,0,N/A,N/A\n"
           "card2,too,short\n"
           "system,,,,,,,,,,,\n\n",
       "0 'Radeon RX card0 (gfx1100)' '41' 51/62 C 7% 1024/16368 MiB fan 33% 25.5 W\n"
       "12 'Vega card12' '42' 0/0 C 0% 0/1 MiB fan 0% 0 W\n"},
      {"device,GPU use (%),Current Socket Graphics Package Power (W)\ncard1,99,300\n",
       "1 'card1' '' 0/0 C 99% 0/0 MiB fan 0% 300 W\n"},
      {"card0,1,2\ndevice,a,b\n", ""},
      {"ERROR: no devices\n", ""},
      {"", ""},
  };
  for (const auto& c : cases) {
    std::string got;
    for (const auto& sample : parse_rocm_smi(c.output)) got += text(sample) + "\n";
    EXPECT_EQ(got, c.want) << c.output;
  }
}

TEST(Lact, Devices) {
  const auto devices = parse_lact_devices(
      R"({"status":"ok","data":[{"id":"1002:744C-0000:03:00.0","name":"RX"},{"id":"b","name":null}]})");
  ASSERT_TRUE(devices);
  ASSERT_EQ(devices->size(), 2u);
  EXPECT_EQ((*devices)[0].id, "1002:744C-0000:03:00.0");
  EXPECT_EQ((*devices)[0].name, "RX");
  EXPECT_EQ((*devices)[1].name, "");
  for (const char* wrong : {"", "{}", "[]", "{", R"({"status":"error","data":"no"})"})
    EXPECT_FALSE(parse_lact_devices(wrong)) << wrong;
  EXPECT_TRUE(parse_lact_devices(R"({"status":"ok"})")->empty());
}

TEST(Lact, Stats) {
  const struct {
    const char* data;
    const char* want;  // "" = skipped
  } cases[] = {
      {R"({"fan":{"pwm_current":51},"vram":{"total":17163091968,"used":1073741824},)"
       R"("power":{"average":25.5,"current":30},"busy_percent":7,)"
       R"("temps":{"edge":{"current":50.6},"junction":{"current":70},"mem":{"current":62}}})",
       "0 '' '' 51/62 C 7% 1024/16368 MiB fan 20% 25.5 W"},
      {R"({"fan":{"pwm_current":null},"vram":{"total":1048576},"power":{"average":null,"current":30},)"
       R"("temps":{"junction":{"current":70},"VRAM":{"current":40}}})",
       "0 '' '' 70/40 C 0% 0/1 MiB fan 0% 30 W"},
      {R"({"vram":{"total":1048576},"power":{"average":0,"current":30},)"
       R"("temps":{"other":{"current":41},"mem":{"current":-1}}})",
       "0 '' '' 41/0 C 0% 0/1 MiB fan 0% 30 W"},
      {R"({"vram":{"total":1048576},"temps":[],"fan":3})", "0 '' '' 0/0 C 0% 0/1 MiB fan 0% 0 W"},
      {R"({"vram":{"total":null},"busy_percent":7})", ""},
      {"null", ""},
  };
  for (const auto& c : cases) {
    const auto sample = parse_lact_stats(std::string(R"({"status":"ok","data":)") + c.data + "}");
    ASSERT_TRUE(sample) << c.data;
    EXPECT_EQ(*sample ? text(**sample) : "", c.want) << c.data;
  }
  EXPECT_FALSE(parse_lact_stats(R"({"status":"error"})"));
}

TEST(Pci, Normalized) {
  const std::pair<const char*, const char*> cases[] = {
      {"00000000:C1:00.0", "0000:c1:00.0"},
      {" 0000:c1:00.0\n", "0000:c1:00.0"},
      {"c1:00.0", "0000:c1:00.0"},
      {"10000:01:1f.7", "10000:01:1f.7"},
      {"000F:01:00.0", "000f:01:00.0"},
      {"0000:01:20.0", ""},
      {"0000:100:00.0", ""},
      {"0000:01:00", ""},
      {"[N/A]", ""},
      {"", ""},
      {"0000:zz:00.0", ""},
      {":::", ""},
  };
  for (const auto& [address, want] : cases) EXPECT_EQ(normalized_pci(address), want) << address;
}

TEST(GpuNames, Nvidia) {
  const struct {
    int major, minor;
    const char* want;
  } cases[] = {
      {2, 1, "Fermi"},        {3, 7, "Kepler"},     {4, 0, ""},           {5, 2, "Maxwell"},
      {6, 1, "Pascal"},       {7, 0, "Volta"},      {7, 2, "Volta"},      {7, 5, "Turing"},
      {8, 0, "Ampere"},       {8, 6, "Ampere"},     {8, 7, "Ampere"},     {8, 8, ""},
      {8, 9, "Ada Lovelace"}, {9, 0, "Hopper"},     {10, 0, "Blackwell"}, {10, 3, "Blackwell"},
      {11, 0, "Blackwell"},   {12, 0, "Blackwell"}, {12, 1, "Blackwell"}, {13, 0, ""}};
  for (const auto& c : cases) EXPECT_EQ(nvidia_architecture(c.major, c.minor), c.want) << c.major;
}

TEST(GpuNames, Amd) {
  EXPECT_EQ(amd_architecture(110000), "gfx1100");
  EXPECT_EQ(amd_architecture(90010), "gfx90a");
  EXPECT_EQ(amd_architecture(100302), "gfx1032");
  EXPECT_EQ(amd_architecture(0), "");
}

}  // namespace
}  // namespace llama_swap::monitor
