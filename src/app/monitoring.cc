#include "app/monitoring.h"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

#include "monitor/gpu_monitor.h"
#include "monitor/model_memory.h"
#include "observe/system_sample.h"
#include "util/time.h"

namespace llama_swap::app {

// From one change of settings to the next. It outlives the end of its use by what its coroutine is
// waiting for, hence shared.
struct Monitoring::Run {
  Run(Monitoring& monitoring, util::Millis interval)
      : owner(&monitoring), worker(monitoring.worker_), every(interval), timer(monitoring.loop_) {}

  Monitoring* owner;  // null: stopped
  net::Worker& worker;
  const util::Millis every;
  boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                    net::Executor>
      timer;
  std::optional<observe::SystemReader> reader;  // worker's thread only
  // Used by one reading at a time, which may never end.
  std::shared_ptr<monitor::MemoryReader> memory = std::make_shared<monitor::MemoryReader>();
  bool reading_memory = false;
};

Monitoring::Monitoring(net::Loop& loop, net::Worker& worker, observe::LogHub& log, Trees trees)
    : loop_(loop),
      worker_(worker),
      log_(log),
      trees_(std::move(trees)),
      performance_(std::chrono::seconds(1)) {}

void Monitoring::use(const config::Config& config) {
  const bool running = run_ != nullptr;
  if (running != config.performance_disabled && every_ == config.performance_every) return;
  stop();
  every_ = config.performance_every;
  performance_.restart(every_);
  if (config.performance_disabled) return;
  run_ = std::make_shared<Run>(*this, every_);
  net::spawn(loop_, sample_system(run_));
  watch_gpus();
}

void Monitoring::stop() {
  if (!run_) return;
  run_->owner = nullptr;
  run_->timer.cancel();
  run_.reset();
  gpus_->stop();
  if (memory_reading_) memory_reading_->stop();
  memory_.clear();
}

void Monitoring::wait() {
  const util::Time end = util::Clock::now() + std::chrono::seconds(1);
  for (const auto& thread : {gpus_.get(), memory_reading_.get()}) {
    const auto left = std::chrono::duration_cast<util::Millis>(end - util::Clock::now());
    if (thread) thread->wait(std::max(left, util::Millis(0)));
  }
}

// What the thread says comes to the loop by queue; what is still on its way when the run ends is
// dropped.
void Monitoring::watch_gpus() {
  const auto deliver = [&loop = loop_, run = std::weak_ptr<Run>(run_)](auto take) {
    boost::asio::post(loop, [run, take = std::move(take)]() mutable {
      const auto current = run.lock();
      if (current && current->owner) take(*current->owner);
    });
  };
  auto work = [deliver, every = every_](const monitor::StopSignal& stop,
                                        const monitor::DetachedThread::Report& report) {
    monitor::GpuHooks hooks;
    hooks.samples = [&](std::vector<observe::GpuSample> samples) {
      report([&] {
        deliver([samples = std::move(samples)](Monitoring& monitoring) mutable {
          for (observe::GpuSample& sample : samples) monitoring.performance_.add(std::move(sample));
        });
      });
    };
    hooks.log = [&](config::LogLevel level, std::string text) {
      report([&] {
        deliver([level, text = std::move(text)](Monitoring& monitoring) {
          monitoring.log_.log(level, text);
        });
      });
    };
    monitor::watch_gpus(stop, every, hooks);
  };
  gpus_ = std::make_unique<monitor::DetachedThread>(std::move(work));
}

// A reading that hangs, in a driver, is not followed by another one.
void Monitoring::read_memory() {
  if (run_->reading_memory) return memory_.clear();
  std::vector<monitor::ProcessTree> trees = trees_();
  if (trees.empty()) return memory_.clear();
  auto work = [&loop = loop_, run = std::weak_ptr<Run>(run_), reader = run_->memory,
               trees = std::move(trees)](const monitor::StopSignal& stop,
                                         const monitor::DetachedThread::Report& report) {
    observe::ModelMemory memory = reader->read(trees, stop);
    report([&] {
      boost::asio::post(loop, [run, memory = std::move(memory)]() mutable {
        const auto current = run.lock();
        if (!current || !current->owner) return;
        current->reading_memory = false;
        current->owner->memory_ = std::move(memory);
      });
    });
  };
  memory_reading_ = std::make_unique<monitor::DetachedThread>(std::move(work));
  // Over already: it has reported, or could not begin.
  run_->reading_memory = !memory_reading_->wait(util::Millis(0));
}

// The first sample comes after one interval: how busy the machine is takes two readings.
net::Awaitable<void> Monitoring::sample_system(std::shared_ptr<Run> run) {
  observe::SystemSample sample;
  std::function<void()> begin = [&run] { run->reader.emplace(); };
  co_await net::run(run->worker, std::move(begin));
  util::Time next = util::Clock::now();
  while (run->owner) {
    next = std::max(next + run->every, util::Clock::now());  // none is made up for
    run->timer.expires_at(next);
    co_await run->timer.async_wait(net::use_awaitable);
    if (!run->owner) break;
    run->owner->read_memory();
    std::function<void()> read = [&] {
      sample = run->reader->read(std::chrono::system_clock::now());
    };
    co_await net::run(run->worker, std::move(read));
    if (run->owner) run->owner->performance_.add(std::move(sample));
  }
}

}  // namespace llama_swap::app
