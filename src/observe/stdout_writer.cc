#include "observe/stdout_writer.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace llama_swap::observe {
namespace {

using namespace std::chrono_literals;

constexpr auto kGather = 10ms;

enum class Outcome { written, lost, closed };

// Blocks until all is written or proves impossible. A descriptor that somebody made non-blocking is
// waited for.
Outcome write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n >= 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      pollfd writable{fd, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno == EPIPE || errno == EBADF) {
      return Outcome::closed;
    } else if (errno != EINTR) {
      return Outcome::lost;
    }
  }
  return Outcome::written;
}

}  // namespace

struct StdoutWriter::Shared {
  explicit Shared(int descriptor) : fd(descriptor) {}
  const int fd;

  std::mutex mutex;              // guards everything below
  std::condition_variable work;  // for the thread
  std::condition_variable done;  // for flush()
  std::string queued;
  std::size_t dropped = 0;  // bytes, since the last marker
  GapText gap_text = plain_gap;
  bool idle = false;        // the thread waits for text, not for the end of a gathering pause
  bool writing = false;     // taken from `queued` and not written yet
  bool stopping = false;
  bool closed = false;

  void add(std::string_view text) {
    if (queued.size() + text.size() > kMaxQueued) {
      dropped += text.size();
      return;
    }
    if (dropped > 0) {
      queued += gap_text(dropped);
      dropped = 0;
    }
    queued += text;
  }

  void run() {
    std::string batch;
    std::unique_lock lock(mutex);
    for (;;) {
      idle = true;
      work.wait(lock, [this] { return stopping || !queued.empty(); });
      idle = false;
      if (queued.empty()) return;
      batch.swap(queued);
      writing = true;
      lock.unlock();
      const Outcome outcome = write_all(fd, batch);
      lock.lock();
      writing = false;
      if (outcome == Outcome::lost) dropped += batch.size();
      batch.clear();
      if (outcome == Outcome::closed) {
        closed = true;
        queued = {};
        done.notify_all();
        return;
      }
      if (queued.empty()) done.notify_all();
      work.wait_for(lock, kGather, [this] { return stopping; });
    }
  }
};

StdoutWriter::StdoutWriter(int fd) : shared_(std::make_shared<Shared>(fd)) {
  // Signals are the event loop's business: the thread starts with all of them blocked.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread([shared = shared_] { shared->run(); }).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

StdoutWriter::~StdoutWriter() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->work.notify_one();
  flush(1s);
}

std::string StdoutWriter::plain_gap(std::size_t bytes) {
  return fmt::format("\n— {} bytes dropped —\n", bytes);
}

void StdoutWriter::set_gap_text(GapText text) {
  std::lock_guard lock(shared_->mutex);
  shared_->gap_text = text;
}

void StdoutWriter::write(std::string_view text) {
  if (text.empty()) return;
  bool wake = false;
  {
    std::lock_guard lock(shared_->mutex);
    if (shared_->closed) return;
    shared_->add(text);
    wake = shared_->idle;
    shared_->idle = false;  // one wake-up is enough
  }
  if (wake) shared_->work.notify_one();
}

bool StdoutWriter::flush(std::chrono::milliseconds budget) {
  std::unique_lock lock(shared_->mutex);
  return shared_->done.wait_for(lock, budget, [this] {
    return shared_->closed || (shared_->queued.empty() && !shared_->writing);
  });
}

bool StdoutWriter::closed() const {
  std::lock_guard lock(shared_->mutex);
  return shared_->closed;
}

}  // namespace llama_swap::observe
