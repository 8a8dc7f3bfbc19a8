#include "monitor/hardware.h"

#include <gtest/gtest.h>

#include "monitor/test_support.h"
#include "util/timestamp.h"

namespace llama_swap::monitor {
namespace {

TEST(Hardware, Json) {
  Hardware h;
  h.captured_at = *util::parse_rfc3339("2024-05-06T07:08:09Z");
  h.machine.architecture = "other";
  h.machine.raw_architecture = "mips";
  h.machine.os_name = "debian";
  h.machine.kernel = "6.1";
  h.machine.environment = {"container", "Docker"};
  h.machine.cpu.model = "Xeon";
  h.machine.cpu.threads = 8;
  h.machine.memory_bytes = 1024;
  h.accelerators.resize(2);
  Accelerator& a = h.accelerators[1];
  a.vendor = "NVIDIA";
  a.model = "H200";
  a.architecture = "Hopper";
  a.memory_kind = MemoryKind::dedicated;
  a.memory_bytes = 5;
  a.driver = "NVIDIA";
  a.power_limit_w = 700.5;
  EXPECT_EQ(
      hardware_json(h, "1.2"),
      R"({"schema_version":1,"captured_at":"2024-05-06T07:08:09.000Z","capture":{"scope":)"
      R"("inference_host","method":"detected","detector":{"name":"llama-swap","version":"1.2"}},)"
      R"("architecture":{"name":"other","raw_name":"mips"},"operating_system":{"family":"linux",)"
      R"("name":"debian","version":null,"kernel":"6.1"},"environment":{"kind":"container",)"
      R"("name":"Docker","version":null},"cpu":{"vendor":null,"model":"Xeon","socket_count":null,)"
      R"("physical_core_count":null,"logical_thread_count":8},"memory":{"capacity_bytes":1024},)"
      R"("accelerators":[{"index":0,"kind":"gpu","vendor":null,"model":null,"architecture":null,)"
      R"("memory":{"kind":"unknown","capacity_bytes":null},"driver":null,"power_limit_watts":null},)"
      R"({"index":1,"kind":"gpu","vendor":"NVIDIA","model":"H200","architecture":"Hopper",)"
      R"("memory":{"kind":"dedicated","capacity_bytes":5},"driver":{"name":"NVIDIA","version":null},)"
      R"("power_limit_watts":700.5}]})");
}

TEST(Hardware, OfThisMachine) {
  const testing::FakeTree tree;
  const testing::Path path(tree);
  tree.script("nvidia-smi",
              "case $1 in *index,name*) echo '0, T, GPU-1, 00000000:FE:1F.0, 1, 2, 3';;\n"
              "*architecture*) exit 2;; *compute_cap*) echo '0, 8.9';; esac");
  tree.script("systemd-detect-virt", "echo none; exit 1");
  const StopSignal stop;
  const auto found = detect_hardware(stop);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_GT(found->machine.memory_bytes, 0);
  EXPECT_GT(found->machine.cpu.threads, 0);
  bool seen = false;
  for (const Accelerator& a : found->accelerators)
    seen = seen || (a.pci == "0000:fe:1f.0" && a.architecture == "Ada Lovelace");
  EXPECT_TRUE(seen);
}

TEST(Hardware, Stopped) {
  StopSignal stop;
  stop.raise();
  const auto found = detect_hardware(stop);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, util::Errc::cancelled);
}

}  // namespace
}  // namespace llama_swap::monitor
