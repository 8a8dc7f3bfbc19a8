#include "monitor/detached_thread.h"

#include <csignal>
#include <system_error>
#include <thread>

namespace llama_swap::monitor {

DetachedThread::DetachedThread(Work work) : shared_(std::make_shared<Shared>()) {
  // Signals are the business of the thread that runs the loop.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto body = [shared = shared_, work = std::move(work)] {
    const Report report = [&shared](const std::function<void()>& call) {
      const std::lock_guard lock(shared->mutex);
      if (!shared->abandoned) call();
    };
    work(shared->stop, report);
    const std::lock_guard lock(shared->mutex);
    shared->over = true;
    shared->ended.notify_all();
  };
  try {
    std::thread(std::move(body)).detach();
  } catch (const std::system_error&) {  // no more threads, or no memory for one
    shared_->over = true;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void DetachedThread::stop() {
  shared_->stop.raise();
  const std::lock_guard lock(shared_->mutex);
  shared_->abandoned = true;
}

bool DetachedThread::wait(util::Millis patience) {
  std::unique_lock lock(shared_->mutex);
  return shared_->ended.wait_for(lock, patience, [this] { return shared_->over; });
}

}  // namespace llama_swap::monitor
