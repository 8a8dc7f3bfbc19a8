#include "monitor/model_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "monitor/test_support.h"

namespace llama_swap::monitor {
namespace {

using observe::InstanceMemory;
using ::testing::ElementsAre;
using testing::FakeTree;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr const char* kNoNvml = "libnothing-of-that-name.so.1";

struct Proc : ::testing::Test {
  FakeTree tree;

  static std::string folder(pid_t pid) { return "proc/" + std::to_string(pid) + "/"; }
  void process(pid_t pid, pid_t parent, std::int64_t resident_kib = 0,
               const std::string& name = "server") {
    tree.file(folder(pid) + "stat",
              std::to_string(pid) + " (" + name + ") S " + std::to_string(parent) + " 1 1 0 -1 0");
    tree.file(folder(pid) + "statm",
              "9 " + std::to_string(resident_kib * 1024 / ::sysconf(_SC_PAGESIZE)) + " 1 1 0 1 0");
  }
  void client(pid_t pid, int fd, const std::string& text,
              const std::string& target = "/dev/dri/renderD128") {
    tree.link(folder(pid) + "fd/" + std::to_string(fd), target);
    tree.file(folder(pid) + "fdinfo/" + std::to_string(fd), text);
  }
  std::filesystem::path proc() const { return tree.root() / "proc"; }
};

TEST_F(Proc, MembersOfTrees) {
  tree.file("proc/self/stat", "no process");
  process(1, 0);
  process(10, 1);  // a shim
  process(11, 10, 0, "sh -c (a) b");
  process(12, 11);
  process(20, 1);  // another one
  process(21, 20);
  process(30, 1);
  process(40, 41);  // what is read one after the other may form a circle
  process(41, 40);
  process(50, 99);
  tree.file("proc/60/stat", "");
  const ProcessTree trees[] = {{7, 10}, {8, 20}, {9, 0}, {5, 77}};
  EXPECT_THAT(members(trees, proc()), ElementsAre(Pair(11, 7), Pair(12, 7), Pair(21, 8)));
  EXPECT_THAT(members({}, proc()), IsEmpty());
  EXPECT_THAT(members(trees, tree.root() / "nothing"), IsEmpty());
}

TEST_F(Proc, ResidentBytes) {
  process(5, 1, 400);
  EXPECT_EQ(resident_bytes(5, proc()), 400 << 10);
  tree.file(folder(5) + "smaps_rollup",
            "00400000-7fff ---p 0 0:0 0 [rollup]\nRss:  400 kB\nPss:  100 kB\nPss_Anon: 1 kB");
  EXPECT_EQ(resident_bytes(5, proc()), 100 << 10) << "its share";
  process(6, 1, 2 << 20);
  tree.file(folder(6) + "smaps_rollup", "Pss: 1 kB");
  EXPECT_EQ(resident_bytes(6, proc()), std::int64_t{2} << 30) << "large: not asked for";
  EXPECT_EQ(resident_bytes(99, proc()), 0);
}

TEST_F(Proc, DrmBytes) {
  struct Case {
    const char* fdinfo;
    std::int64_t bytes;
  };
  int pid = 100;
  for (const Case& c : {
           Case{"drm-driver:\tamdgpu\ndrm-pdev:\t0000:03:00.0\ndrm-client-id:\t5\n"
                "drm-memory-vram:\t1024 KiB\ndrm-memory-gtt:\t7 KiB\ndrm-total-vram:\t2 MiB",
                1 << 20},
           Case{"drm-pdev: 0000:03:00.0\ndrm-client-id: 5\ndrm-total-vram: 2 MiB", 2 << 20},
           Case{"drm-pdev: 0000:03:00.0\ndrm-client-id: 5\ndrm-total-local0: 4096\n"
                "drm-resident-local0: 3 KiB\ndrm-resident-local1: 1 KiB\ndrm-total-system0: 9 MiB",
                4 << 10},
           Case{"drm-pdev: 0000:03:00.0\ndrm-client-id: 5\ndrm-total-vram: 99999999999999999 MiB",
                0},
           Case{"drm-pdev: 0000:03:00.0\ndrm-client-id: 5\ndrm-total-vram: -1 KiB", 0},
           Case{"drm-client-id: 5\ndrm-total-vram: 2 MiB", 0},
           Case{"pos: 0\nflags: 02", 0},
       }) {
    ++pid;
    client(pid, 3, c.fdinfo);
    DrmClients seen;
    const auto got = drm_bytes(pid, proc(), seen);
    EXPECT_EQ(got.empty() ? 0 : got.at("0000:03:00.0"), c.bytes) << c.fdinfo;
  }
}

TEST_F(Proc, ADrmClientCountsOnce) {
  const std::string a = "drm-pdev: 0000:03:00.0\ndrm-client-id: 5\ndrm-memory-vram: 10 KiB";
  client(1, 3, a);
  client(1, 4, a);
  client(1, 5, "drm-pdev: 0000:03:00.0\ndrm-client-id: 6\ndrm-memory-vram: 1 KiB");
  client(1, 6, "drm-pdev: 0000:04:00.0\ndrm-client-id: 5\ndrm-memory-vram: 2 KiB");
  client(1, 7, "drm-pdev: 0000:05:00.0\ndrm-client-id: 5\ndrm-memory-vram: 2 KiB", "/tmp/file");
  DrmClients seen;
  EXPECT_THAT(drm_bytes(1, proc(), seen),
              ElementsAre(Pair("0000:03:00.0", 11 << 10), Pair("0000:04:00.0", 2 << 10)));
  EXPECT_THAT(drm_bytes(1, proc(), seen), IsEmpty());
  EXPECT_THAT(drm_bytes(2, proc(), seen), IsEmpty());
}

TEST(NvidiaSmiProcesses, Lines) {
  const auto got = parse_nvidia_smi_processes(
      "123, 1024, GPU-a\n124, [N/A], GPU-a\n[Not Found], 7, GPU-a\n125, 3, \n126, -1, GPU-a\n"
      "127, 5\n128, 9, GPU-b, more\nNo running processes found\n\n129,2,GPU-b\r\n");
  EXPECT_THAT(got, ElementsAre(ProcessOnDevice{123, "GPU-a", std::int64_t{1} << 30},
                               ProcessOnDevice{129, "GPU-b", 2 << 20}));
}

TEST_F(Proc, ByNvidiaSmi) {
  process(10, 1);
  process(11, 10, 100);
  process(12, 11, 20);
  process(21, 1);
  client(12, 3, "drm-pdev: 0000:03:00.0\ndrm-client-id: 5\ndrm-memory-vram: 10 KiB");
  FakeTree tools;
  tools.script("nvidia-smi",
               "[ \"$1\" = --query-compute-apps=pid,used_memory,gpu_uuid ] || exit 2\n"
               "printf '11, 2, GPU-a\\n12, 3, GPU-a\\n12, 4, GPU-b\\n21, 99, GPU-a\\n'");
  const testing::Path path(tools);
  const StopSignal stop;
  MemoryReader reader(proc(), kNoNvml);
  const ProcessTree trees[] = {{7, 10}, {8, 30}};
  const InstanceMemory expected{
      120 << 10, {{"0000:03:00.0", 10 << 10}, {"GPU-a", 5 << 20}, {"GPU-b", 4 << 20}}};
  EXPECT_THAT(reader.read(trees, stop), ElementsAre(Pair(7, expected)));
}

// As of workers that were forked when their device was open.
TEST_F(Proc, ADrmClientCountsOnceInATree) {
  const std::string open = "drm-pdev: 0000:03:00.0\ndrm-client-id: 5\ndrm-memory-vram: 10 KiB";
  process(10, 1);
  for (const pid_t pid : {11, 12, 13}) {
    process(pid, 10);
    client(pid, 3, open);
  }
  process(20, 1);
  process(21, 20);
  client(21, 3, "drm-pdev: 0000:03:00.0\ndrm-client-id: 6\ndrm-memory-vram: 1 KiB");
  FakeTree tools;
  const testing::Path path(tools);
  const StopSignal stop;
  MemoryReader reader(proc(), kNoNvml);
  const ProcessTree trees[] = {{7, 10}, {8, 20}};
  EXPECT_THAT(reader.read(trees, stop),
              ElementsAre(Pair(7, InstanceMemory{0, {{"0000:03:00.0", 10 << 10}}}),
                          Pair(8, InstanceMemory{0, {{"0000:03:00.0", 1 << 10}}})));
}

TEST_F(Proc, ByNvml) {
  process(10, 1);
  process(1000, 10, 4);
  process(1039, 10, 4);
  FakeTree tools;
  tools.script("nvidia-smi", "echo 1000, 99, GPU-x");
  const testing::Path path(tools);
  const StopSignal stop;
  MemoryReader reader(proc(), TEST_NVML);
  const ProcessTree trees[] = {{7, 10}};
  const InstanceMemory expected{8 << 10, {{"GPU-1", 2 << 20}}};
  for (int i = 0; i < 2; ++i) EXPECT_THAT(reader.read(trees, stop), ElementsAre(Pair(7, expected)));
}

TEST_F(Proc, AToolThatFailsLeavesTheRest) {
  process(10, 1);
  process(11, 10, 100);
  FakeTree tools;
  const testing::Path path(tools);
  const StopSignal stop;
  MemoryReader reader(proc(), kNoNvml);
  const ProcessTree trees[] = {{7, 10}};
  const auto only_resident = ElementsAre(Pair(7, InstanceMemory{100 << 10, {}}));
  EXPECT_THAT(reader.read(trees, stop), only_resident) << "none";
  tools.script("nvidia-smi", "echo '11, 2, GPU-a'; exit 9");
  EXPECT_THAT(reader.read(trees, stop), only_resident) << "exit status";
}

}  // namespace
}  // namespace llama_swap::monitor
