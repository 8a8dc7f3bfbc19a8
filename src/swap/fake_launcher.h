// Test support: a launcher without processes. The test says what becomes of each instance.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "process/launcher.h"

namespace llama_swap::swap::testing {

class FakeLauncher : public process::Launcher {
 public:
  struct Run {
    process::LaunchSpec spec;
    process::InstanceEvents* events = nullptr;
    std::vector<std::chrono::milliseconds> stops;  // the grace of each
    bool is_gone = false;
    bool destroyed = false;
    bool destroyed_inside_event = false;
    int depth = 0;

    void output(std::string_view data) { events->on_output(data); }
    void ready() { tell(&process::InstanceEvents::on_ready); }
    void stuck() { tell(&process::InstanceEvents::on_stuck); }
    void fail(const std::string& message) {
      const util::Error error{util::Errc::internal, message};
      ++depth;
      events->on_failed(error);
      --depth;
    }
    void exit() {
      ++depth;
      events->on_exited("exit status 1");
      --depth;
    }
    void gone() {
      is_gone = true;
      tell(&process::InstanceEvents::on_gone);
    }

   private:
    void tell(void (process::InstanceEvents::*what)()) {
      ++depth;
      (events->*what)();
      --depth;
    }
  };

  std::unique_ptr<process::Instance> launch(process::LaunchSpec spec,
                                            process::InstanceEvents& events) override {
    runs_.push_back(std::make_shared<Run>());
    runs_.back()->spec = std::move(spec);
    runs_.back()->events = &events;
    return std::make_unique<Handle>(runs_.back());
  }

  int starts(const std::string& model) const {
    int n = 0;
    for (const auto& run : runs_) n += run->spec.model == model;
    return n;
  }
  // The newest of a model; there must be one.
  Run& run(const std::string& model) const {
    for (auto it = runs_.rbegin(); it != runs_.rend(); ++it) {
      if ((*it)->spec.model == model) return **it;
    }
    throw std::logic_error("never started: " + model);
  }
  const std::vector<std::shared_ptr<Run>>& runs() const { return runs_; }

 private:
  class Handle : public process::Instance {
   public:
    explicit Handle(std::shared_ptr<Run> run) : run_(std::move(run)) {}
    ~Handle() override {
      run_->destroyed = true;
      run_->destroyed_inside_event = run_->depth > 0;
    }
    void stop(std::chrono::milliseconds grace) override { run_->stops.push_back(grace); }
    pid_t pid() const override { return 1; }

   private:
    std::shared_ptr<Run> run_;
  };

  std::vector<std::shared_ptr<Run>> runs_;
};

}  // namespace llama_swap::swap::testing
