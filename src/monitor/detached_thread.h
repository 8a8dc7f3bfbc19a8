// A thread that may be held up for ever by a driver or a file system, and then is left behind.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "monitor/stop_signal.h"

namespace llama_swap::monitor {

class DetachedThread {
 public:
  // Runs `work`, which must own all that it uses but for the results: those go through `report`.
  // `report(f)` calls f, on that thread, unless the object has been stopped.
  using Report = std::function<void(const std::function<void()>&)>;
  using Work = std::function<void(const StopSignal&, const Report&)>;

  // Where the system has no thread to give, the work is over at once.
  explicit DetachedThread(Work work);
  ~DetachedThread() { stop(); }
  DetachedThread(const DetachedThread&) = delete;
  DetachedThread& operator=(const DetachedThread&) = delete;

  // Raises the signal; nothing is reported any more. Does not wait.
  void stop();
  // For the end of the work. False: it has not come in this time.
  bool wait(util::Millis patience);

 private:
  struct Shared {
    StopSignal stop;
    std::mutex mutex;
    std::condition_variable ended;
    // Guarded by mutex.
    bool over = false;       // the work is done
    bool abandoned = false;  // nobody wants its results
  };
  std::shared_ptr<Shared> shared_;
};

}  // namespace llama_swap::monitor
