#include "process/shim_cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace llama_swap::process::shim {
namespace {

constexpr long kCgroup2Magic = 0x63677270;

bool is_cgroup2(const char* path) {
  struct statfs info {};
  return ::statfs(path, &info) == 0 && info.f_type == kCgroup2Magic;
}

// Where the second version is mounted: alone, or beside the first.
const char* mount_point() {
  for (const char* path : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (is_cgroup2(path)) return path;
  }
  return nullptr;
}

// The line "0::<path>" of /proc/self/cgroup.
bool own_path(char* out, std::size_t size) {
  const int fd = ::open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[4096];
  const ssize_t got = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (got <= 0) return false;
  text[got] = '\0';
  const char* line = std::strncmp(text, "0::", 3) == 0 ? text : std::strstr(text, "\n0::");
  if (line == nullptr) return false;
  line = std::strchr(line, ':') + 2;
  const std::size_t length = std::strcspn(line, "\n");
  if (length == 0 || length >= size) return false;
  std::memcpy(out, line, length);
  out[length] = '\0';
  return true;
}

bool delegated(const char* directory) {
  char value = 0;
  for (const char* name : {"user.delegate", "trusted.delegate"}) {
    if (::getxattr(directory, name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

}  // namespace

// Where the group is or would be. False: there can be none.
bool Cgroup::find(int pid) {
  char own[300];
  const char* mount = mount_point();
  if (mount == nullptr || !own_path(own, sizeof own)) return false;
  const bool root = std::strcmp(own, "/") == 0;
  char parent[400];
  std::snprintf(parent, sizeof parent, "%s%s", mount, root ? "" : own);
  if (!root && !delegated(parent)) return false;
  std::snprintf(path_, sizeof path_, "%s/llama-swap-%d", parent, pid);
  return true;
}

void Cgroup::open_directory() {
  directory_ = ::open(path_, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void Cgroup::create(int pid) {
  if (!find(pid)) return;
  ::rmdir(path_);  // of an earlier process of that id
  if (::mkdir(path_, 0755) == 0) open_directory();
}

void Cgroup::open(int pid) {
  if (find(pid)) open_directory();
}

void Cgroup::kill() const {
  if (directory_ < 0) return;
  const int fd = ::openat(directory_, "cgroup.kill", O_WRONLY | O_CLOEXEC);  // Linux 5.14
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(fd, "1", 1);
  ::close(fd);
}

bool Cgroup::remove() {
  return directory_ < 0 || ::rmdir(path_) == 0 || errno != EBUSY;
}

Cgroup::~Cgroup() {
  if (directory_ >= 0) ::close(directory_);
}

}  // namespace llama_swap::process::shim
