#include "monitor/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <system_error>

namespace llama_swap::monitor {

StopSignal::StopSignal() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

StopSignal::~StopSignal() {
  ::close(fd_);
}

void StopSignal::raise() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);
}

bool StopSignal::raised() const {
  return !sleep_until(util::Clock::now());
}

StopSignal::Wake StopSignal::wait(int fd, short events, util::Time deadline) const {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - util::Clock::now()).count();
    pollfd waited[] = {{fd_, POLLIN, 0}, {fd, events, 0}};
    const int timeout_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
    const int ready = ::poll(waited, 2, timeout_ms);
    if (waited[0].revents != 0) return Wake::stopped;
    if (ready > 0) return Wake::ready;
    if (ready == 0 && util::Clock::now() >= deadline) return Wake::late;
  }
}

}  // namespace llama_swap::monitor
