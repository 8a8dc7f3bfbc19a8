#include "monitor/accelerator.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "monitor/test_support.h"
#include "util/text.h"

namespace llama_swap::monitor {
namespace {

constexpr std::int64_t kSystem = 128ll << 30;

std::string text(const Accelerators& accelerators) {
  static constexpr const char* kKinds[] = {"unknown", "dedicated", "unified", "shared"};
  std::string out;
  for (const Accelerator& a : accelerators) {
    const std::string bytes = a.memory_bytes ? std::to_string(*a.memory_bytes >> 20) : "?";
    const std::string watts = a.power_limit_w ? fmt::format("{}", *a.power_limit_w) : "?";
    out += fmt::format("{}|{}|{}|{}|{} {}|{} {}|{}\n", a.pci, a.vendor, a.model, a.architecture,
                       kKinds[static_cast<int>(a.memory_kind)], bytes, a.driver, a.driver_version,
                       watts);
  }
  return out;
}

// Answers by the argument that is looked for.
Ask answering(std::map<std::string, std::string> answers) {
  return [answers = std::move(answers)](const Argv& argv) -> std::string {
    const std::string line = util::join(argv, " ");
    for (const auto& [part, answer] : answers)
      if (line.find(part) != line.npos) return answer;
    return "";
  };
}

TEST(Accelerators, NvidiaSmi) {
  const std::string list =
      "0, NVIDIA H200, GPU-0, 00000000:C1:00.0, 143771, 550.1, 700.00\n"
      "1, NVIDIA GB10, GPU-1, 0000000F:01:00.0, [N/A], 550.1, [N/A]\nfew, fields\n";
  const struct {
    std::map<std::string, std::string> answers;
    const char* want;
  } cases[] = {
      {{{"index,name", list}, {"index,architecture", "0, Hopper\n1, Blackwell\n"}},
       "0000:c1:00.0|NVIDIA|NVIDIA H200|Hopper|dedicated 143771|NVIDIA 550.1|700\n"
       "000f:01:00.0|NVIDIA|NVIDIA GB10|Blackwell|unified 131072|NVIDIA 550.1|?\n"},
      {{{"index,name", list},
        {"index,architecture", "0, [N/A]\n"},
        {"compute_cap", "1, 12.1\n0, 9.0\n"}},
       "0000:c1:00.0|NVIDIA|NVIDIA H200|Hopper|dedicated 143771|NVIDIA 550.1|700\n"
       "000f:01:00.0|NVIDIA|NVIDIA GB10|Blackwell|unified 131072|NVIDIA 550.1|?\n"},
      {{{"index,name", "0, N/A, GPU-9, [N/A], 1, unknown, 0\n"}},
       "|NVIDIA|||dedicated 1|NVIDIA |?\n"},
      {{}, ""},
  };
  for (const auto& c : cases)
    EXPECT_EQ(text(ask_nvidia_smi(answering(c.answers), kSystem)), c.want);
}

TEST(Accelerators, Nvml) {
  auto nvml = Nvml::open(TEST_NVML);
  ASSERT_TRUE(nvml);
  EXPECT_EQ(text(ask_nvml(*nvml, kSystem)),
            "0000:c1:00.0|NVIDIA|NVIDIA Test 1|Hopper|dedicated 24576|NVIDIA 550.1|350\n"
            "000f:01:00.0|NVIDIA|NVIDIA GB10|Blackwell|unified 131072|NVIDIA 550.1|?\n");
}

TEST(Accelerators, RocmSmi) {
  const std::string table =
      "device,Card Series,Card Model,GFX Version,PCI Bus,GUID,VRAM Total Memory (B),Driver version,"
      "Max Graphics Package Power (W)\n"
      "card0,Radeon RX,0x744c,gfx1100,0000:03:00.0,41,17163091968,6.7.0,327.0\n"
      "card1,N/A,0x1586,N/A,0000:C4:00.0,42,0,6.7.0,N/A\n";
  const std::string want =
      "0000:03:00.0|AMD|Radeon RX|gfx1100|dedicated 16368|amdgpu 6.7.0|327\n"
      "0000:c4:00.0|AMD|0x1586||unknown ?|amdgpu 6.7.0|?\n";
  EXPECT_EQ(text(ask_rocm_smi(answering({{"--showdriverversion", table}}))), want);
  // Versions that refuse all because of one.
  const Ask picky = [&](const Argv& argv) {
    return util::join(argv, " ").find("--showmaxpower") == std::string::npos ? table : "";
  };
  EXPECT_EQ(text(ask_rocm_smi(picky)), want);
}

struct AcceleratorTree : ::testing::Test {
  testing::FakeTree tree;
  // With the render node that goes with it.
  std::string card(int number, const std::string& pci, const std::string& vendor,
                   const std::string& driver) {
    const std::string device = tree.card("sys/", number, pci, vendor, driver);
    const std::string render = "renderD" + std::to_string(128 + number);
    tree.file(device + "drm/" + render + "/dev", "226:128");
    tree.link("sys/class/drm/" + render + "/device",
              (tree.root() / device.substr(0, device.size() - 1)).string());
    tree.file("dev/dri/" + render, "");
    return device;
  }
};

TEST_F(AcceleratorTree, Drm) {
  const std::string amd = card(1, "0000:03:00.0", "0x1002", "amdgpu");
  tree.file(amd + "mem_info_vram_total", "17163091968");
  tree.file(amd + "product_name", "Radeon Pro");
  tree.file(amd + "hwmon/hwmon2/power1_cap", "327000000");
  tree.file("sys/module/amdgpu/version", "6.7.0");
  card(0, "0000:00:02.0", "0x8086", "i915");
  card(2, "0000:06:00.0", "0x1a03", "ast");
  tree.card("sys/", 3, "0000:07:00.0", "0x10de", "nouveau");  // nobody may use it
  EXPECT_EQ(text(read_drm(tree.root())),
            "0000:00:02.0|Intel|||shared ?|i915 |?\n"
            "0000:03:00.0|AMD|Radeon Pro||dedicated 16368|amdgpu 6.7.0|327\n");
}

TEST_F(AcceleratorTree, Kfd) {
  card(1, "0000:03:00.0", "0x1002", "amdgpu");
  card(2, "0000:04:00.0", "0x10de", "nouveau");
  const std::string nodes = "sys/class/kfd/kfd/topology/nodes/";
  tree.file(nodes + "0/properties", "cpu_cores_count 16\ngfx_target_version 0\ndrm_render_minor 0");
  tree.file(nodes + "1/properties",
            "cpu_cores_count 0\ngfx_target_version 90010\ndrm_render_minor 129");
  tree.file(nodes + "2/properties", "gfx_target_version 110000\ndrm_render_minor 130");
  tree.file(nodes + "3/properties", "gfx_target_version 110000\ndrm_render_minor 140");
  EXPECT_EQ(text(read_kfd(tree.root())), "0000:03:00.0|AMD||gfx90a|unknown ?| |?\n");
}

TEST(Accelerators, Merged) {
  const auto device = [](const char* pci, const char* uuid, const char* model) {
    Accelerator a;
    a.pci = pci;
    a.uuid = uuid;
    a.model = model;
    return a;
  };
  Accelerator smi = device("0000:c1:00.0", "GPU-1", "H200");
  smi.memory_kind = MemoryKind::dedicated;
  smi.memory_bytes = 1 << 20;
  smi.driver = "NVIDIA";
  Accelerator drm = device("0000:c1:00.0", "", "other name");
  drm.vendor = "NVIDIA";
  drm.memory_kind = MemoryKind::shared_system;
  drm.driver = "nvidia";
  drm.driver_version = "550";
  drm.power_limit_w = 700;
  Accelerator kfd = device("0000:03:00.0", "", "");
  kfd.architecture = "gfx90a";
  Accelerator amd = device("0000:03:00.0", "", "MI200");
  amd.memory_kind = MemoryKind::dedicated;
  amd.driver = "amdgpu";
  amd.driver_version = "6";
  const Accelerators out = merged({{smi, device("", "u", "Z"), device("", "", "A")},
                                   {kfd},
                                   {drm, amd, device("", "u", "B"), device("", "", "A")}});
  EXPECT_EQ(text(out),
            "||A||unknown ?| |?\n"
            "||A||unknown ?| |?\n"
            "||Z||unknown ?| |?\n"
            "0000:03:00.0||MI200|gfx90a|dedicated ?|amdgpu 6|?\n"
            "0000:c1:00.0|NVIDIA|H200||dedicated 1|NVIDIA |700\n");
}

}  // namespace
}  // namespace llama_swap::monitor
