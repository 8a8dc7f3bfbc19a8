#include "server/event_ring.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "util/text.h"

namespace llama_swap::server {
namespace {

constexpr std::array<std::string_view, kTopicCount> kNames{
    "models",   "queue",    "swaps",  "instances", "health",
    "inflight", "activity", "config", "profile",   "logs"};

}  // namespace

std::string_view text(Topic topic) {
  return kNames.at(static_cast<std::size_t>(topic));
}

Topics Topics::usual() {
  Topics out;
  for (int i = 0; i < kTopicCount; ++i)
    if (const auto topic = static_cast<Topic>(i); topic != Topic::logs) out.add(topic);
  return out;
}

util::Result<Topics> Topics::parse(std::string_view list) {
  Topics out;
  for (const std::string_view piece : util::split(list, ',')) {
    const std::string_view name = util::trim(piece);
    if (name.empty()) continue;
    const auto* const found = std::ranges::find(kNames, name);
    if (found == kNames.end()) {
      const std::vector<std::string> names(kNames.begin(), kNames.end());
      return util::fail(util::Errc::invalid,
                        "unknown topic; topics are " + util::join(names, ", "));
    }
    out.add(static_cast<Topic>(found - kNames.begin()));
  }
  return out.bits_ == 0 ? usual() : out;
}

std::string sse(std::string_view type, std::string_view id, std::string_view data) {
  std::string out;
  out.reserve(type.size() + id.size() + data.size() + 24);
  out.append("event: ").append(type);
  if (!id.empty()) out.append("\nid: ").append(id);
  out.append("\ndata: ").append(data).append("\n\n");
  return out;
}

std::size_t EventRing::size_of(const FeedEvent& event) {
  constexpr std::size_t kOverhead = 200;  // roughly, of the pointers and allocations
  return kOverhead + event.text->size() + (event.reduced ? event.reduced->size() : 0);
}

void EventRing::add(Topic topic, Audience audience, std::string_view data,
                    std::optional<std::string_view> reduced) {
  const std::string id = id_before(next_ + 1);
  FeedEvent event{topic, std::move(audience),
                  std::make_shared<const std::string>(sse(text(topic), id, data)), nullptr};
  if (reduced) event.reduced = std::make_shared<const std::string>(sse(text(topic), id, *reduced));
  bytes_ += size_of(event);
  events_.push_back(std::move(event));
  ++next_;
  while (events_.size() > 1 && (bytes_ > max_bytes_ || events_.size() > max_events_)) {
    bytes_ -= size_of(events_.front());
    events_.pop_front();
  }
}

void EventRing::forget() {
  events_.clear();
  bytes_ = 0;
  ++next_;  // a number that nobody has seen
}

std::string EventRing::id_before(std::uint64_t next) const {
  return epoch_ + "-" + std::to_string(next - 1);
}

std::optional<std::uint64_t> EventRing::after(std::string_view id) const {
  id = util::trim(id);
  if (!id.starts_with(epoch_) || !id.substr(epoch_.size()).starts_with('-')) return std::nullopt;
  id.remove_prefix(epoch_.size() + 1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  if (number + 1 < first() || number >= next_) return std::nullopt;
  return number + 1;
}

}  // namespace llama_swap::server
