#include "observe/events.h"

namespace llama_swap::observe {

EventSubscription::EventSubscription(EventBus& bus, std::function<void()> wake)
    : wake_(std::move(wake)) {
  bus.subscribers_.push_back(*this);
}

std::shared_ptr<const Event> EventSubscription::take() {
  if (pending_.empty()) return nullptr;
  std::shared_ptr<const Event> event = std::move(pending_.front());
  pending_.pop_front();
  return event;
}

void EventBus::publish(Event event) {
  if (!has_subscribers()) return;
  const auto shared = std::make_shared<const Event>(std::move(event));
  for (EventSubscription& subscriber : subscribers_) {
    if (subscriber.pending_.size() >= EventSubscription::kMaxPending) {
      subscriber.overflow_ = true;
      continue;
    }
    subscriber.pending_.push_back(shared);
    if (subscriber.pending_.size() == 1) subscriber.wake_();
  }
}

}  // namespace llama_swap::observe
