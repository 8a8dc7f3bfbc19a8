// Folders that stand in for /sys, /proc and PATH in tests.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace llama_swap::monitor::testing {

// Gone with the object.
class FakeTree {
 public:
  FakeTree() {
    std::string name = (std::filesystem::temp_directory_path() / "monitor_test.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    root_ = name;
  }
  ~FakeTree() { std::filesystem::remove_all(root_); }
  FakeTree(const FakeTree&) = delete;
  FakeTree& operator=(const FakeTree&) = delete;

  const std::filesystem::path& root() const { return root_; }
  void file(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text << '\n';
  }
  void link(const std::string& path, const std::string& target) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::filesystem::create_symlink(target, root_ / path);
  }
  // An executable shell script.
  std::string script(const std::string& name, const std::string& text) const {
    file(name, "#!/bin/sh\n" + text);
    std::filesystem::permissions(root_ / name, std::filesystem::perms::owner_all);
    return (root_ / name).string();
  }
  // A card of the kernel's: class/drm/card<number>, its device a folder that bears the PCI address.
  // Returns the folder of the device, below the root.
  std::string card(const std::string& sys, int number, const std::string& pci,
                   const std::string& vendor, const std::string& driver) const {
    const std::string device = sys + "devices/" + pci;
    file(device + "/vendor", vendor);
    file(device + "/device", "0x1234");
    link(device + "/driver", "/sys/bus/pci/drivers/" + driver);
    link(sys + "class/drm/card" + std::to_string(number) + "/device", (root_ / device).string());
    return device + "/";
  }

 private:
  std::filesystem::path root_;
};

// PATH is that folder alone, as long as the object lives: scripts name their programs in full.
class Path {
 public:
  explicit Path(const FakeTree& tree) : before_(std::getenv("PATH")) {
    ::setenv("PATH", (tree.root().string() + ":/nothing/there").c_str(), 1);
  }
  ~Path() { ::setenv("PATH", before_.c_str(), 1); }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

 private:
  const std::string before_;
};

}  // namespace llama_swap::monitor::testing
