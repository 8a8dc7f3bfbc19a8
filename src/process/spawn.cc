#include "process/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "process/shim_protocol.h"

// The program, put here by embed() (cmake/Embed.cmake).
extern "C" {
extern const unsigned char llama_swap_shim[];
extern const unsigned char llama_swap_shim_end[];
}
extern char** environ;

namespace llama_swap::process {
namespace {

constexpr unsigned kMemfdExec = 0x10;  // MFD_EXEC, Linux 6.3

std::string_view shim_program() {
  const auto size = static_cast<std::size_t>(llama_swap_shim_end - llama_swap_shim);
  return {reinterpret_cast<const char*>(llama_swap_shim), size};
}

bool write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Out of the way of the descriptors a shim is given. Closes the original.
int moved_up(int fd) {
  const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, shim::kSocket + 1);
  ::close(fd);
  return moved;
}

int temporary_file(const std::string& directory) {
  std::string path = directory + "/llama-swap-shim-XXXXXX";
  const int writable = ::mkostemp(path.data(), O_CLOEXEC);
  if (writable < 0) return -1;
  // A file that somebody has open for writing cannot be executed, hence the second descriptor.
  int fd = -1;
  if (write_all(writable, shim_program()) && ::fchmod(writable, 0500) == 0) {
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  }
  ::close(writable);
  ::unlink(path.c_str());
  return fd;
}

bool executable(int fd) {
  struct statvfs info {};
  return ::fstatvfs(fd, &info) == 0 && (info.f_flag & ST_NOEXEC) == 0;
}

// Runs in the child, on the stack and in the memory of its parent. Returns errno.
int exec_shim(int image, int socket, char* const* argv) {
  // dup2 onto itself would leave close-on-exec set.
  if (socket == shim::kSocket) {
    ::fcntl(socket, F_SETFD, 0);
  } else {
    ::dup2(socket, shim::kSocket);
  }
  char* const no_environment[] = {nullptr};
  ::syscall(SYS_execveat, image, "", argv, no_environment, AT_EMPTY_PATH);
  if (errno == ENOSYS) ::fexecve(image, argv, no_environment);
  return errno;
}

}  // namespace

util::Result<ShimImage> ShimImage::in_memory() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  int fd = ::memfd_create("llama-swap-shim", kFlags | kMemfdExec);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create("llama-swap-shim", kFlags);
  if (fd < 0) return util::fail_errno(errno, "memory file for the shim");
  if (!write_all(fd, shim_program()) || ::fcntl(fd, F_ADD_SEALS, kSeals) != 0) {
    const int error = errno;
    ::close(fd);
    return util::fail_errno(error, "memory file for the shim");
  }
  return ShimImage(moved_up(fd));
}

util::Result<ShimImage> ShimImage::in_temporary_file() {
  const char* configured = std::getenv("TMPDIR");
  for (const char* directory :
       {configured != nullptr ? configured : "/tmp", "/dev/shm", "/var/tmp", "/run", "."}) {
    const int fd = temporary_file(directory);
    if (fd >= 0 && executable(fd)) return ShimImage(moved_up(fd));
    if (fd >= 0) ::close(fd);
  }
  return util::fail(util::Errc::io, "no temporary directory to run the shim from");
}

ShimImage::ShimImage(ShimImage&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
ShimImage& ShimImage::operator=(ShimImage&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
ShimImage::~ShimImage() {
  if (fd_ >= 0) ::close(fd_);
}

util::Result<pid_t> spawn_shim(const ShimImage& image, int socket, const std::string& label) {
  std::string name = "llama-swap-shim";
  std::string model = label;
  char* const argv[] = {name.data(), model.data(), nullptr};
  // The child must not run our signal handlers: it shares our memory until it executes. It starts
  // with everything blocked; the shim sees to its own mask.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  volatile int error = 0;
  const pid_t pid = ::vfork();
  if (pid == 0) {
    error = exec_shim(image.fd(), socket, argv);
    ::_exit(127);
  }
  if (pid < 0) error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error == 0) return pid;
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  return util::fail_errno(error, "shim");
}

std::vector<std::string> merged_environment(const std::vector<std::string>& entries) {
  std::vector<std::string> merged;
  std::unordered_map<std::string_view, std::size_t> place;
  const auto add = [&](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find('='));
    const auto [at, is_new] = place.try_emplace(name, merged.size());
    if (is_new) {
      merged.emplace_back(entry);
    } else {
      merged[at->second] = entry;
    }
  };
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) add(*entry);
  for (const std::string& entry : entries) add(entry);
  return merged;
}

}  // namespace llama_swap::process
