// The launcher for this machine: one shim and one command per instance.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "net/loop.h"
#include "process/child_reaper.h"
#include "process/launcher.h"

namespace llama_swap::process {

struct LocalShared;

class LocalLauncher : public Launcher {
 public:
  using Log = std::function<void(config::LogLevel, std::string)>;

  // `loop` and `reaper` must outlive the launcher and its instances; instances may outlive the
  // launcher. `log` is called on the I/O thread.
  LocalLauncher(net::Loop& loop, ChildReaper& reaper, Log log);

  std::unique_ptr<Instance> launch(LaunchSpec spec, InstanceEvents& events) override;

 private:
  std::shared_ptr<LocalShared> shared_;  // with the instances
};

}  // namespace llama_swap::process
