#include "process/proc_fs.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace llama_swap::process {
namespace {

// Linux 5.3; the number is the same on all architectures.
constexpr long kPidfdOpen = 434;
constexpr long kPidfdSendSignal = 424;

}  // namespace

bool parse_stat(const char* text, std::size_t size, ProcStat& out) {
  // pid (name) state ppid pgrp session tty tpgid flags ... starttime is field 22. Only the last ')'
  // ends the name.
  const void* paren = ::memrchr(text, ')', size);
  if (paren == nullptr) return false;
  const char* at = static_cast<const char*>(paren) + 1;
  const char* const end = text + size;
  out.pid = static_cast<pid_t>(std::strtol(text, nullptr, 10));
  int field = 2;
  while (at < end && field < 22) {
    while (at < end && *at == ' ') ++at;
    if (at == end) break;
    ++field;
    switch (field) {
      case 3:
        out.state = *at;
        break;
      case 4:
        out.parent = static_cast<pid_t>(std::strtol(at, nullptr, 10));
        break;
      case 5:
        out.group = static_cast<pid_t>(std::strtol(at, nullptr, 10));
        break;
      case 6:
        out.session = static_cast<pid_t>(std::strtol(at, nullptr, 10));
        break;
      case 20:
        out.threads = std::strtol(at, nullptr, 10);
        break;
      case 22:
        out.start = std::strtoull(at, nullptr, 10);
        break;
      default:
        break;
    }
    while (at < end && *at != ' ') ++at;
  }
  return field == 22 && out.pid > 0;
}

bool read_stat(pid_t pid, ProcStat& out) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid));
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[1024];
  const ssize_t size = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (size <= 0) return false;
  text[size] = '\0';
  return parse_stat(text, static_cast<std::size_t>(size), out);
}

pid_t pid_of_entry(const char* name) {
  if (*name < '1' || *name > '9') return 0;
  char* end = nullptr;
  const long pid = std::strtol(name, &end, 10);
  return *end == '\0' ? static_cast<pid_t>(pid) : 0;
}

void signal_process(const ProcStat& seen, int signal_number) {
  const int fd = static_cast<int>(::syscall(kPidfdOpen, seen.pid, 0));
  if (fd < 0 && errno == ESRCH) return;
  // The handle, if there is one, is taken first: if the process still has the same start time after
  // that, the handle is of that process.
  ProcStat now;
  const bool same = read_stat(seen.pid, now) && now.start == seen.start;
  if (same && (fd < 0 || ::syscall(kPidfdSendSignal, fd, signal_number, nullptr, 0) != 0)) {
    ::kill(seen.pid, signal_number);
  }
  if (fd >= 0) ::close(fd);
}

}  // namespace llama_swap::process
