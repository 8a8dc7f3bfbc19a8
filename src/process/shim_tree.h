// Linux: the processes below the shim, as snapshots of /proc. The shim is their sub-reaper, so
// whatever they do (new sessions, new groups, double forks) they stay its descendants. Without
// sub-reaping only the session and the process group tell who belongs, and having been seen before.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "process/proc_fs.h"

namespace llama_swap::process::shim {

// A growing array of plain values.
template <class T>
class Array {
 public:
  Array() = default;
  ~Array();
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  void add(const T& value);
  void clear() { size_ = 0; }
  void swap(Array& other);
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return items_[i]; }

 private:
  T* items_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

struct Member {
  ProcStat stat;
  bool signalled = false;  // has had the first signal
};

// True: this process has no children but these, dead or alive, and so, as a sub-reaper, no other
// descendants. Spares reading all of /proc where the kernel keeps such a list. It may have gaps
// while children come and go.
bool no_children_but(pid_t one, pid_t other);

// Now, as ProcStat::start counts.
std::uint64_t ticks_since_boot();

class Tree {
 public:
  struct Scope {
    pid_t leader = 0;  // also the process group
    bool leader_dead = false;
    pid_t apart = 0;  // this process and its descendants do not count (a running stop command)
    bool group_only = false;
    bool subreaper = true;
    // When the group had the first signal, in clock ticks since boot. Members that are not older
    // missed it.
    std::uint64_t group_signalled = 0;
  };

  // Looks again. Live members only. What a member was told stays known. False: /proc cannot be
  // read, and the tree looks empty.
  bool scan(const Scope& scope);

  std::size_t size() const { return members_.size(); }
  Member* begin() { return members_.begin(); }
  Member* end() { return members_.end(); }
  // Sends to all members, or to those that never had a signal.
  void signal_all(int signal_number);
  void signal_new(int signal_number);

 private:
  Array<Member> members_;
  Array<Member> before_;
};

}  // namespace llama_swap::process::shim
