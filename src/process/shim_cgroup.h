// Linux: a control group (version 2) of its own for one model, where one is delegated to us. It
// makes the final kill atomic. Everything here fails silently: without a group the process tree is
// all there is.
#pragma once

namespace llama_swap::process::shim {

class Cgroup {
 public:
  Cgroup() = default;
  // Does not remove it: that may have to wait.
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  // Makes the group of the shim `pid` below that of this process, if that is delegated (systemd's
  // Delegate=yes) or the root of what we can see (a container).
  void create(int pid);
  // Takes up the group that the shim `pid` made, from the process that started the shim.
  void open(int pid);
  // The open directory, for a new member; -1: none.
  int directory() const { return directory_; }
  void kill() const;
  // False: not empty yet. A dead process may count for some moments.
  bool remove();

 private:
  bool find(int pid);
  void open_directory();

  int directory_ = -1;
  char path_[512] = {};
};

}  // namespace llama_swap::process::shim
