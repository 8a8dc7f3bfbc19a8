// Watches the machine while the daemon runs: samples of the system, of GPUs and of the memory of
// models, every `performance.every`. What blocks runs on other threads; all else on the I/O thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "config/config.h"
#include "monitor/detached_thread.h"
#include "monitor/process_memory.h"
#include "net/loop.h"
#include "net/worker.h"
#include "observe/log_hub.h"
#include "observe/model_memory.h"
#include "observe/performance.h"

namespace llama_swap::app {

class Monitoring {
 public:
  // The instances that run now, on the I/O thread.
  using Trees = std::function<std::vector<monitor::ProcessTree>()>;

  // All must outlive it.
  Monitoring(net::Loop& loop, net::Worker& worker, observe::LogHub& log, Trees trees);
  ~Monitoring() { stop(); }
  Monitoring(const Monitoring&) = delete;
  Monitoring& operator=(const Monitoring&) = delete;

  // Starts with what `config` says. If the settings have changed since, it starts anew and forgets
  // the samples; with `performance.disabled` it stops.
  void use(const config::Config& config);
  // Waits for nothing.
  void stop();
  // After stop(): lets the tools that were asked about GPUs end. Blocks, for a second at most.
  void wait();

  const observe::Performance& performance() const { return performance_; }
  // As of the last reading; empty while one takes longer than it should.
  const observe::ModelMemory& memory() const { return memory_; }

 private:
  struct Run;
  static net::Awaitable<void> sample_system(std::shared_ptr<Run> run);
  void watch_gpus();
  void read_memory();

  net::Loop& loop_;
  net::Worker& worker_;
  observe::LogHub& log_;
  const Trees trees_;
  observe::Performance performance_;
  observe::ModelMemory memory_;
  util::Millis every_{0};  // of run_, if there is one
  std::shared_ptr<Run> run_;
  std::unique_ptr<monitor::DetachedThread> gpus_;            // the last one, maybe stopped
  std::unique_ptr<monitor::DetachedThread> memory_reading_;  // the same
};

}  // namespace llama_swap::app
