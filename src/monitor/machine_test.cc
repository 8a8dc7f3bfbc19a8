#include "monitor/machine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "monitor/test_support.h"

namespace llama_swap::monitor {
namespace {

TEST(Machine, CpuInfo) {
  const auto processor = [](int number, int socket, int core) {
    return "processor\t: " + std::to_string(number) +
           "\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon " + std::to_string(socket) +
           "\nphysical id\t: " + std::to_string(socket) + "\ncore id\t\t: " + std::to_string(core) +
           "\nflags\t\t: fpu hypervisor\n\n";
  };
  Cpu cpu = parse_cpuinfo(processor(0, 0, 0) + processor(1, 0, 0) + processor(2, 0, 1) +
                          processor(3, 1, 0));
  EXPECT_EQ(cpu.vendor, "GenuineIntel");
  EXPECT_EQ(cpu.model, "Xeon 0");
  EXPECT_EQ(cpu.threads, 4);
  EXPECT_EQ(cpu.physical_cores, 3);
  EXPECT_EQ(cpu.sockets, 2);

  cpu = parse_cpuinfo("processor\t: 0\nBogoMIPS\t: 48\n\nprocessor\t: 1\nCPU part\t: 0xd0c\n");
  EXPECT_EQ(cpu.threads, 2);
  EXPECT_EQ(cpu.vendor + cpu.model, "");
  EXPECT_FALSE(cpu.sockets || cpu.physical_cores);
  EXPECT_FALSE(parse_cpuinfo("").threads);
}

TEST(Machine, ZoneInfo) {
  EXPECT_EQ(parse_zoneinfo("Node 0, zone      DMA\n  pages free     10\n        present  4\n"
                           "        managed  3\nNode 0, zone   Device\n        present  1000\n"
                           "Node 1, zone   Normal\n        present  6\n",
                           4096),
            10 * 4096);
  EXPECT_EQ(parse_zoneinfo("", 4096), 0);
}

TEST(Machine, Virtualization) {
  const struct {
    const char* found;
    const char* kind;
    const char* name;
  } cases[] = {
      {"none", "native", ""},
      {"docker", "container", "Docker"},
      {"lxc", "container", "LXC"},
      {"kvm", "virtual_machine", "KVM"},
      {"vmware", "virtual_machine", "VMware"},
      {"oracle", "virtual_machine", "VirtualBox"},
      {"microsoft", "virtual_machine", "Hyper-V"},
      {"wsl", "wsl", "WSL"},
      {"xen", "virtual_machine", "xen"},
  };
  for (const auto& c : cases) {
    const Environment e = environment_of(c.found);
    EXPECT_EQ(e.kind, c.kind) << c.found;
    EXPECT_EQ(e.name, c.name) << c.found;
  }
}

struct MachineTest : ::testing::Test {
  testing::FakeTree tree;
  Machine read(const char* virtualization = "") {
    return read_machine(virtualization, tree.root());
  }
  std::string environment(const char* virtualization = "") {
    const Environment e = read(virtualization).environment;
    return e.kind + " " + e.name;
  }
};

TEST_F(MachineTest, OperatingSystem) {
  tree.file("usr/lib/os-release", "ID=fallback");
  EXPECT_EQ(read().os_name, "fallback");
  tree.file("etc/os-release", "NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=x");
  EXPECT_EQ(read().os_name, "debian");
  EXPECT_EQ(read().os_version, "12");
  EXPECT_NE(read().kernel, "");
  EXPECT_NE(read().architecture, "");
}

TEST_F(MachineTest, Memory) {
  EXPECT_EQ(read().memory_bytes, 0);
  tree.file("proc/meminfo", "MemFree: 1 kB\nMemTotal:       1000 kB");
  EXPECT_EQ(read().memory_bytes, 1000 * 1024);
  tree.file("proc/zoneinfo", "Node 0, zone Normal\n present 1000");
  EXPECT_EQ(read().memory_bytes, 1000 * ::sysconf(_SC_PAGESIZE));
  tree.file("sys/fs/cgroup/memory.max", "max");
  EXPECT_EQ(read().memory_bytes, 1000 * ::sysconf(_SC_PAGESIZE));
  tree.file("sys/fs/cgroup/memory.max", "5000");
  EXPECT_EQ(read().memory_bytes, 5000);
  tree.file("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000");
  EXPECT_EQ(read().memory_bytes, 4000);
}

TEST_F(MachineTest, Environments) {
  if (read().environment.kind == "wsl") GTEST_SKIP() << "the kernel says enough";
  tree.file("proc/cpuinfo", "processor : 0\nflags : fpu sse");
  EXPECT_EQ(environment(), read().architecture == "x86_64" ? "native " : "unknown ");
  tree.file("proc/cpuinfo", "processor : 0\nflags : fpu hypervisor");
  EXPECT_EQ(environment(), "virtual_machine ");
  tree.file("sys/class/dmi/id/sys_vendor", "QEMU");
  EXPECT_EQ(environment(), "virtual_machine KVM");
  EXPECT_EQ(environment("none\n"), "native ");
  EXPECT_EQ(environment("vmware\n"), "virtual_machine VMware");
  tree.file("run/systemd/container", "lxc");
  EXPECT_EQ(environment("vmware\n"), "container LXC");
  tree.file(".dockerenv", "");
  EXPECT_EQ(environment("vmware\n"), "container Docker");
}

}  // namespace
}  // namespace llama_swap::monitor
