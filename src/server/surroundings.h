// For tests and benchmarks: what a server or a Core stands on, but for the actor.
#pragma once

#include "net/body.h"
#include "net/loop.h"
#include "net/timer_wheel.h"
#include "net/worker.h"
#include "observe/events.h"
#include "observe/log_hub.h"

namespace llama_swap::server::testing {

struct Surroundings {
  net::Loop loop;
  net::TimerWheel wheel{loop};
  net::Worker worker{loop};
  net::BodyMemory memory{1 << 20};
  observe::LogHub log{config::LogTarget::proxy, nullptr};
  observe::EventBus events;
};

}  // namespace llama_swap::server::testing
