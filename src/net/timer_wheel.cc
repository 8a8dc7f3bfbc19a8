#include "net/timer_wheel.h"

#include <algorithm>

namespace llama_swap::net {
namespace {

constexpr std::int64_t kSlots = 512;  // 51 s; later deadlines come round more than once

std::int64_t tick_of(util::Time at) {
  return at.time_since_epoch() / TimerWheel::kTick;
}

}  // namespace

void Deadline::set(util::Time at) {
  at_ = at;
  const std::int64_t tick = tick_of(at) + 1;  // the first tick that is not early
  // Later than its slot: the slot will pass it on. Only an earlier one has to move.
  if (is_linked() && tick >= tick_) return;
  unlink();
  wheel_.insert(*this);
}

TimerWheel::TimerWheel(Loop& loop) : timer_(loop), slots_(kSlots) {}

void TimerWheel::insert(Deadline& deadline) {
  if (!running_) position_ = tick_of(util::Clock::now());
  const std::int64_t want = tick_of(deadline.at_) + 1;
  deadline.tick_ = std::clamp(want, position_ + 1, position_ + kSlots - 1);
  slots_[static_cast<std::size_t>(deadline.tick_ % kSlots)].push_back(deadline);
  if (!running_) {
    running_ = true;
    wait();
  }
}

void TimerWheel::wait() {
  timer_.expires_after(kTick);
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) tick();
  });
}

void TimerWheel::tick() {
  const util::Time now = util::Clock::now();
  Slot due;
  while (position_ < tick_of(now))
    due.splice(due.end(), slots_[static_cast<std::size_t>(++position_ % kSlots)]);
  while (!due.empty()) {
    Deadline& deadline = due.front();
    due.pop_front();
    if (!deadline.is_set()) continue;
    if (deadline.at_ > now) {
      insert(deadline);
      continue;
    }
    deadline.clear();
    deadline.expired_();  // may destroy this or any other deadline
  }
  running_ = std::ranges::any_of(slots_, [](const Slot& slot) { return !slot.empty(); });
  if (running_) wait();
}

}  // namespace llama_swap::net
