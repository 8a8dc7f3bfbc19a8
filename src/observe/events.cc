#include "observe/events.h"

namespace llama_swap::observe {
namespace {

// Of the text in it.
std::size_t size_of(const Event& event) {
  if (const auto* models = std::get_if<ModelStatus>(&event)) return models->json.size();
  if (const auto* inflight = std::get_if<Inflight>(&event)) return inflight->json.size();
  if (const auto* config = std::get_if<UiConfig>(&event)) return config->json.size();
  return 0;
}

}  // namespace

EventSubscription::EventSubscription(EventBus& bus, std::function<void()> wake)
    : wake_(std::move(wake)) {
  bus.subscribers_.push_back(*this);
}

std::shared_ptr<const Event> EventSubscription::take() {
  if (pending_.empty()) return nullptr;
  std::shared_ptr<const Event> event = std::move(pending_.front());
  pending_.pop_front();
  pending_bytes_ -= size_of(*event);
  return event;
}

void EventSubscription::put(const std::shared_ptr<const Event>& event, std::size_t size) {
  const bool is_first = pending_.empty();
  if (pending_.size() >= kMaxPending || (!is_first && pending_bytes_ + size > kMaxPendingBytes)) {
    overflow_ = true;
    return;
  }
  pending_.push_back(event);
  pending_bytes_ += size;
  if (is_first) wake_();
}

void EventBus::publish(Event event) {
  if (!has_subscribers()) return;
  const auto shared = std::make_shared<const Event>(std::move(event));
  const std::size_t size = size_of(*shared);
  for (EventSubscription& subscriber : subscribers_) subscriber.put(shared, size);
}

}  // namespace llama_swap::observe
