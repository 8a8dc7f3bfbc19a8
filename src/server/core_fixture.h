// For tests and benchmarks: a Core without a server around it, and what it stands on. Its model
// servers do what the test says.
#pragma once

#include <memory>
#include <utility>

#include "server/context.h"
#include "server/surroundings.h"
#include "swap/fake_launcher.h"

namespace llama_swap::server::testing {

struct CoreFixture : Surroundings {
  ~CoreFixture() { worker.join(); }

  // With `config` as it is now; records nothing until it is given somewhere to.
  void make_core() {
    swap::Actor::Hooks hooks;
    hooks.news = [this](const swap::News& news) { core->feed.tell(news); };
    hooks.queue_changed = [this] { core->feed.queue_changed(); };
    actor = std::make_unique<swap::Actor>(loop, wheel, launcher, config, std::move(hooks));
    Deps deps{loop, wheel, memory, worker, *actor, log, events, {}};
    core = std::make_unique<Core>(std::move(deps), config);
  }

  swap::testing::FakeLauncher launcher;
  std::shared_ptr<config::Config> config = std::make_shared<config::Config>();
  std::unique_ptr<swap::Actor> actor;
  std::unique_ptr<Core> core;
};

}  // namespace llama_swap::server::testing
