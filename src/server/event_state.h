// What the daemon's state looks like as JSON (docs/events.md): the same in snapshots, in events and
// in answers. Pure.
#pragma once

#include <string>
#include <vector>

#include "server/answer.h"
#include "swap/swap.h"
#include "util/time.h"

namespace llama_swap::server {

// A point of the steady clock as a time of day: RFC 3339, in UTC.
std::string wall_time(util::Time at);

// `reduced`: without what names other models.
Json wait_json(const swap::Wait& wait, bool reduced);
Json waiter_json(const swap::Waiter& waiter, bool reduced);
Json swap_json(const swap::SwapStatus& swap, bool reduced);
Json instance_json(const swap::InstanceStatus& instance);

}  // namespace llama_swap::server
