#include "server/event_hub.h"

#include "util/timestamp.h"
#include "util/unique_id.h"

namespace llama_swap::server {
namespace {

std::string random_epoch() {
  std::string out;
  util::append_hex(out, util::UniqueIds().next());
  return out;
}

}  // namespace

EventHub::EventHub(net::TimerWheel& wheel)
    : ring_(random_epoch()),
      linger_(wheel, [this] { left(); }),
      wake_(wheel, [this] { wake(std::exchange(due_, {})); }) {}

EventHub::Reader::Reader(EventHub& hub, Topics topics, std::function<void()> wake)
    : hub_(hub), topics_(topics), wake_(std::move(wake)) {
  hub_.readers_.push_back(*this);
  hub_.linger_.clear();
  if (std::exchange(hub_.wanted_, true)) return;
  if (hub_.begins_) hub_.begins_();
}

EventHub::Reader::~Reader() {
  hub_.readers_.erase(hub_.readers_.iterator_to(*this));
  if (hub_.readers_.empty()) hub_.linger_.set(util::Clock::now() + kLinger);
}

void EventHub::left() {
  wanted_ = false;
  ring_.forget();
}

void EventHub::renew_ids() {
  ring_.begin_epoch(random_epoch());
}

void EventHub::publish(Topic topic, Audience audience, Json data, std::optional<Json> reduced) {
  if (!wanted_) return;
  const std::string now = util::rfc3339(std::chrono::system_clock::now());
  data["at"] = now;
  std::optional<std::string> other;
  if (reduced) {
    (*reduced)["at"] = now;
    other = dump(*reduced);
  }
  ring_.add(topic, std::move(audience), dump(data), other);
  due_.add(topic);
  if (readers_.size() <= kFew)
    wake(std::exchange(due_, {}));
  else if (!wake_.is_set())
    wake_.set(util::Clock::now());
}

void EventHub::wake(Topics topics) {
  for (const Reader& reader : readers_)
    if (reader.topics_.has_any(topics)) reader.wake_();
}

}  // namespace llama_swap::server
