#include "process/local_launcher.h"

#include <utility>

#include "process/local_run.h"

namespace llama_swap::process {
namespace {

class LocalInstance : public Instance {
 public:
  explicit LocalInstance(std::shared_ptr<LocalRun> run) : run_(std::move(run)) {}
  ~LocalInstance() override { run_->abandon(); }
  void stop(std::chrono::milliseconds grace) override { run_->stop(grace); }
  pid_t pid() const override { return run_->pid(); }
  pid_t tree_root() const override { return run_->shim_pid(); }

 private:
  const std::shared_ptr<LocalRun> run_;
};

}  // namespace

LocalLauncher::LocalLauncher(net::Loop& loop, ChildReaper& reaper, Log log)
    : shared_(new LocalShared{loop, reaper, std::move(log), {}, {}, {}}) {}

std::unique_ptr<Instance> LocalLauncher::launch(LaunchSpec spec, InstanceEvents& events) {
  auto run = std::make_shared<LocalRun>(shared_, std::move(spec), events);
  run->begin();
  return std::make_unique<LocalInstance>(std::move(run));
}

}  // namespace llama_swap::process
