// The shim's process: surroundings, socket and event loop around one Supervisor. A static program
// without the C++ library, carried in the daemon and run from memory (spawn.h).
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "process/shim_protocol.h"
#include "process/shim_supervisor.h"

namespace llama_swap::process::shim {
namespace {

// How long the last frames may take to leave.
constexpr Milliseconds kFarewell = 5000;
// How long the last pause may be before an empty control group that does not go is given up.
constexpr Milliseconds kCleanUp = 1000;

void wake_up(int) {}  // only interrupts ppoll

// Everything blocked, so that only the death of the socket ends a shim early: a signal meant for
// the daemon's group or service must not cut a stop short. SIGCHLD comes through while the loop
// waits.
void take_signals() {
  // Past the C library, which keeps two signals to itself: whoever started the daemon may have left
  // even those ignored, and a command would inherit that.
  struct {
    void (*handler)(int) = SIG_DFL;
    unsigned long flags = 0;
    void (*restorer)() = nullptr;
    std::uint64_t mask = 0;
  } reset;  // the kernel's struct sigaction
  for (int s = 1; s < NSIG; ++s) ::syscall(SYS_rt_sigaction, s, &reset, nullptr, sizeof reset.mask);
  struct sigaction action {};
  action.sa_handler = wake_up;
  ::sigaction(SIGCHLD, &action, nullptr);
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
}

void close_from(int first) {
  constexpr long kCloseRange = 436;  // Linux 5.9
  if (::syscall(kCloseRange, first, UINT_MAX, 0) == 0) return;
  DIR* open_ones = ::opendir("/proc/self/fd");
  if (open_ones == nullptr) {
    for (int fd = first; fd < 1024; ++fd) ::close(fd);
    return;
  }
  while (const dirent* entry = ::readdir(open_ones)) {
    const int fd = std::atoi(entry->d_name);
    if (fd >= first && fd != ::dirfd(open_ones)) ::close(fd);
  }
  ::closedir(open_ones);
}

void take_descriptors() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < kSocket; ++fd) ::dup2(null, fd);
  ::fcntl(kSocket, F_SETFD, FD_CLOEXEC);
  close_from(kSocket + 1);
}

// Frames from the daemon, as they come.
class Inbox {
 public:
  // Hands over what has arrived. False: the daemon is gone.
  bool receive(Supervisor& supervisor) {
    for (;;) {
      const bool in_header = got_ < kHeaderSize;
      char* to = in_header ? header_ + got_ : payload_ + (got_ - kHeaderSize);
      const std::size_t wanted = in_header ? kHeaderSize - got_ : kHeaderSize + size_ - got_;
      if (wanted > 0) {
        const ssize_t got = ::recv(kSocket, to, wanted, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
        if (got <= 0) return false;
        got_ += static_cast<std::size_t>(got);
      }
      if (in_header && got_ == kHeaderSize && !begin_payload()) return false;
      if (!in_header && got_ == kHeaderSize + size_) deliver(supervisor);
    }
  }

 private:
  bool begin_payload() {
    std::memcpy(&size_, header_, sizeof size_);
    if (size_ > kMaxPayload) return false;
    payload_ = static_cast<char*>(std::malloc(size_ + 1));
    return payload_ != nullptr;
  }

  void deliver(Supervisor& supervisor) {
    const auto type = static_cast<Type>(header_[4]);
    supervisor.handle(type, payload_, size_);
    if (type != Type::launch) std::free(payload_);  // the recipe stays where it is
    payload_ = nullptr;
    got_ = 0;
  }

  char header_[kHeaderSize] = {};
  char* payload_ = nullptr;
  std::uint32_t size_ = 0;
  std::size_t got_ = 0;
};

// Sleeps until a descriptor is ready, a child ends or `until` has come.
void wait(pollfd* watched, nfds_t count, Milliseconds until) {
  sigset_t mask;
  ::sigfillset(&mask);
  ::sigdelset(&mask, SIGCHLD);
  timespec timeout{};
  if (until != kNever) {
    const Milliseconds left = until > now() ? until - now() : 0;
    timeout.tv_sec = static_cast<time_t>(left / 1000);
    timeout.tv_nsec = static_cast<long>(left % 1000) * 1'000'000;
  }
  if (::ppoll(watched, count, until == kNever ? nullptr : &timeout, &mask) <= 0) {
    for (nfds_t i = 0; i < count; ++i) watched[i].revents = 0;
  }
}

void run(bool subreaper, int subreaper_error) {
  Outbox outbox;
  Inbox inbox;
  Supervisor supervisor(outbox, subreaper);
  bool daemon_there = true;
  Milliseconds give_up_at = kNever;
  outbox.add_numbers(Type::hello, kVersion, subreaper ? kSubreaper : 0, subreaper_error);
  for (;;) {
    if (daemon_there && !outbox.flush(kSocket)) daemon_there = false;
    if (!daemon_there) {
      supervisor.daemon_gone();
      outbox.clear();
    }
    if (supervisor.done()) {
      if (give_up_at == kNever) give_up_at = now() + kFarewell;
      if (outbox.empty() || now() >= give_up_at) break;
    }
    // A descriptor of -1 is passed over.
    pollfd watched[] = {
        {daemon_there ? kSocket : -1,
         static_cast<short>(outbox.empty() ? POLLIN : POLLIN | POLLOUT), 0},
        {supervisor.output(), POLLIN, 0},
        {supervisor.stop_output(), POLLIN, 0},
    };
    const Milliseconds wake_at = supervisor.wake_at();
    wait(watched, 3, wake_at < give_up_at ? wake_at : give_up_at);
    if ((watched[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !inbox.receive(supervisor)) {
      daemon_there = false;
    }
    supervisor.advance();
  }
  // The daemon need not wait for the rest.
  ::close(kSocket);
  for (Milliseconds pause = 1; !supervisor.clean_up() && pause < kCleanUp; pause *= 2) {
    wait(nullptr, 0, now() + pause);
  }
}

}  // namespace
}  // namespace llama_swap::process::shim

int main() {
  using namespace llama_swap::process::shim;
  take_signals();
  take_descriptors();
  ::setsid();
  ::prctl(PR_SET_NAME, "llama-swap-shim");
  const bool subreaper = ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
  run(subreaper, subreaper ? 0 : errno);
  return 0;
}
