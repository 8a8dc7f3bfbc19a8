// Watches the machine while the daemon runs: samples of the system, every `performance.every`. What
// blocks runs on other threads; all else on the I/O thread.
#pragma once

#include <memory>

#include "config/config.h"
#include "net/loop.h"
#include "net/worker.h"
#include "observe/performance.h"

namespace llama_swap::app {

class Monitoring {
 public:
  // `loop` and `worker` must outlive it.
  Monitoring(net::Loop& loop, net::Worker& worker);
  ~Monitoring() { stop(); }
  Monitoring(const Monitoring&) = delete;
  Monitoring& operator=(const Monitoring&) = delete;

  // Starts with what `config` says. If the settings have changed since, it starts anew and forgets
  // the samples; with `performance.disabled` it stops.
  void use(const config::Config& config);
  void stop();

  const observe::Performance& performance() const { return performance_; }

 private:
  struct Run;
  static net::Awaitable<void> sample_system(std::shared_ptr<Run> run);

  net::Loop& loop_;
  net::Worker& worker_;
  observe::Performance performance_;
  util::Millis every_{0};  // of run_, if there is one
  std::shared_ptr<Run> run_;
};

}  // namespace llama_swap::app
