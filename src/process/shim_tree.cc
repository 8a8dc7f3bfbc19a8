#include "process/shim_tree.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace llama_swap::process::shim {
namespace {

enum class Kin : char { unknown, yes, no };

struct Seen {
  ProcStat stat;
  Kin kin = Kin::unknown;
  bool known = false;  // was a member before; counts where nothing else would tell
};

int by_pid(const void* a, const void* b) {
  const pid_t left = static_cast<const Seen*>(a)->stat.pid;
  const pid_t right = static_cast<const Seen*>(b)->stat.pid;
  return left < right ? -1 : left > right ? 1 : 0;
}

Seen* find(Array<Seen>& all, pid_t pid) {
  Seen key;
  key.stat.pid = pid;
  return static_cast<Seen*>(std::bsearch(&key, all.begin(), all.size(), sizeof(Seen), by_pid));
}

// Whether a process belongs, by its own marks or by its ancestors, whose answers are remembered on
// the way.
Kin kin_of(Array<Seen>& all, Seen& seen, const Tree::Scope& scope, pid_t shim, int depth = 0) {
  if (seen.kin != Kin::unknown) return seen.kin;
  const ProcStat& stat = seen.stat;
  Kin kin = Kin::no;
  if (stat.pid == shim || stat.pid == scope.apart) {
    kin = Kin::no;
  } else if (stat.group == scope.leader || seen.known) {
    kin = Kin::yes;
  } else if (scope.group_only) {
    kin = Kin::no;
  } else {
    // The depth is bounded because a snapshot that was taken while ids were reused may hold a ring.
    Seen* parent = stat.parent > 0 && depth < 1000 ? find(all, stat.parent) : nullptr;
    if (stat.parent == shim) {
      kin = Kin::yes;
    } else if (parent != nullptr && parent->stat.pid == scope.apart) {
      kin = Kin::no;
    } else if (parent != nullptr && parent->stat.pid != 1) {
      kin = kin_of(all, *parent, scope, shim, depth + 1);
    }
    // Cut off from us for want of a sub-reaper, but still in our session. Not below a stop command,
    // whose descendants are in the session too.
    if (kin == Kin::no && stat.session == shim && scope.apart == 0) kin = Kin::yes;
  }
  return seen.kin = kin;
}

}  // namespace

template <class T>
Array<T>::~Array() {
  std::free(items_);
}

template <class T>
void Array<T>::add(const T& value) {
  if (size_ == capacity_) {
    capacity_ = capacity_ == 0 ? 64 : 2 * capacity_;
    void* bigger = std::realloc(static_cast<void*>(items_), capacity_ * sizeof(T));
    if (bigger == nullptr) std::abort();
    items_ = static_cast<T*>(bigger);
  }
  items_[size_++] = value;
}

template <class T>
void Array<T>::swap(Array& other) {
  std::swap(items_, other.items_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
}

bool no_children_but(pid_t one, pid_t other) {
  const int fd = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[64];
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (size < 0 || size == sizeof text - 1) return false;
  text[size] = '\0';
  char* end = text;
  for (const char* at = text;; at = end) {
    const auto pid = static_cast<pid_t>(std::strtol(at, &end, 10));
    if (end == at) return true;
    if (pid != one && pid != other) return false;
  }
}

std::uint64_t ticks_since_boot() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  const auto hertz = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return static_cast<std::uint64_t>(t.tv_sec) * hertz +
         static_cast<std::uint64_t>(t.tv_nsec) * hertz / 1'000'000'000;
}

bool Tree::scan(const Scope& scope) {
  members_.swap(before_);
  members_.clear();
  if (scope.leader_dead && scope.subreaper && no_children_but(scope.leader, scope.apart))
    return true;
  const pid_t shim = ::getpid();
  Array<Seen> all;
  const bool readable = each_process([&all](const ProcStat& stat) {
    Seen seen;
    seen.stat = stat;
    all.add(seen);
  });
  if (all.size() > 0) std::qsort(all.begin(), all.size(), sizeof(Seen), by_pid);
  if (!scope.subreaper) {
    for (Member& member : before_) {
      Seen* seen = find(all, member.stat.pid);
      if (seen != nullptr) seen->known = seen->stat.start == member.stat.start;
    }
  }
  std::size_t old = 0;
  for (Seen& seen : all) {
    if (seen.stat.dead() || kin_of(all, seen, scope, shim) != Kin::yes) continue;
    Member member;
    member.stat = seen.stat;
    member.signalled = seen.stat.group == scope.leader && seen.stat.start < scope.group_signalled;
    while (old < before_.size() && before_[old].stat.pid < seen.stat.pid) ++old;
    if (old < before_.size() && before_[old].stat.pid == seen.stat.pid &&
        before_[old].stat.start == seen.stat.start) {
      member.signalled |= before_[old].signalled;
    }
    members_.add(member);
  }
  return readable;
}

void Tree::signal_all(int signal_number) {
  for (Member& member : members_) {
    member.signalled = true;
    signal_process(member.stat, signal_number);
  }
}

void Tree::signal_new(int signal_number) {
  for (Member& member : members_) {
    if (std::exchange(member.signalled, true)) continue;
    signal_process(member.stat, signal_number);
  }
}

template class Array<Member>;

}  // namespace llama_swap::process::shim
