#include "app/socket_activation.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "util/text.h"

namespace llama_swap::app {
namespace {

constexpr int kFirst = 3;  // SD_LISTEN_FDS_START

int number(const char* text) {
  int value = 0;
  const std::string_view digits = text ? text : "";
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

std::vector<InheritedSocket> take_inherited_sockets() {
  std::vector<InheritedSocket> sockets;
  if (number(std::getenv("LISTEN_PID")) == ::getpid()) {
    const char* const names = std::getenv("LISTEN_FDNAMES");
    const auto parts = util::split(names ? names : "", ':');
    const int count = number(std::getenv("LISTEN_FDS"));
    for (int i = 0; i < count; ++i) {
      const int fd = kFirst + i;
      if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) break;
      const auto at = static_cast<std::size_t>(i);
      sockets.push_back({fd, at < parts.size() ? std::string(parts[at]) : std::string()});
    }
  }
  for (const char* const name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  return sockets;
}

}  // namespace llama_swap::app
