// The newest events of version 2 (docs/events.md), each serialised once and shared by whoever
// reads: a reader is a place in here, not a buffer of its own. So one that is slow costs nothing,
// one that comes back goes on where it was, and both find out when what they lack is gone. Pure;
// no locks.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "util/result.h"

namespace llama_swap::server {

enum class Topic : std::uint8_t {
  models,
  queue,
  swaps,
  instances,
  health,
  inflight,
  activity,
  config,
  profile,
  logs,
};
inline constexpr int kTopicCount = 10;
std::string_view text(Topic topic);

// A set of topics.
class Topics {
 public:
  constexpr Topics() = default;
  // What is sent to whoever does not choose: all but the logs.
  static Topics usual();
  // "models,queue"; blanks are ignored, and an empty list is usual(). Errors: invalid, for a word
  // that is no topic, with the list of those that are.
  static util::Result<Topics> parse(std::string_view list);

  constexpr void add(Topic topic) { bits_ |= bit(topic); }
  constexpr bool has(Topic topic) const { return (bits_ & bit(topic)) != 0; }
  constexpr bool has_any(Topics of) const { return (bits_ & of.bits_) != 0; }

 private:
  static constexpr unsigned bit(Topic topic) { return 1U << static_cast<unsigned>(topic); }
  unsigned bits_ = 0;
};

// Who may see an event. Keys that open all models see all of them.
struct Audience {
  enum Kind {
    everybody,
    model,       // keys that open `name`
    all_models,  // keys that open all models
    divided,     // it shows several models: the others get the state of theirs instead
  };
  Kind kind = everybody;
  std::string name = {};
};

struct FeedEvent {
  Topic topic = Topic::models;
  Audience audience;
  std::shared_ptr<const std::string> text;  // the whole of it, as sent
  // For keys that open only some models: without the names of others. Null: the same.
  std::shared_ptr<const std::string> reduced;
};

// One event as text/event-stream. `data`: JSON of one line.
std::string sse(std::string_view type, std::string_view id, std::string_view data);

class EventRing {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{4} << 20;
  static constexpr std::size_t kMaxEvents = 16'384;

  // `epoch` begins the ids, which mean nothing in another epoch. Of letters and digits.
  explicit EventRing(std::string epoch, std::size_t max_bytes = kMaxBytes,
                     std::size_t max_events = kMaxEvents)
      : epoch_(std::move(epoch)), max_bytes_(max_bytes), max_events_(max_events) {}

  // Drops the oldest ones until the bounds hold; the newest one stays in any case.
  void add(Topic topic, Audience audience, std::string_view data,
           std::optional<std::string_view> reduced = {});
  // What happened since is not known here: whoever comes back from before needs the whole state.
  void forget();
  // The same for all ids so far, but whoever is here goes on. The epoch is one not used before.
  void begin_epoch(std::string epoch) { epoch_ = std::move(epoch); }

  // Events are numbered one by one. Those from first() to next() - 1 are here.
  std::uint64_t first() const { return next_ - events_.size(); }
  std::uint64_t next() const { return next_; }
  const FeedEvent& at(std::uint64_t number) const { return events_[number - first()]; }
  std::size_t bytes() const { return bytes_; }

  // "<epoch>-<number>": what a reader says that has seen everything before `next`.
  std::string id_before(std::uint64_t next) const;
  // Where a reader goes on that has seen everything up to this id. Nothing: it is not an id of this
  // epoch, or what followed is not here any more.
  std::optional<std::uint64_t> after(std::string_view id) const;

 private:
  static std::size_t size_of(const FeedEvent& event);

  std::string epoch_;
  const std::size_t max_bytes_, max_events_;
  std::deque<FeedEvent> events_;
  std::uint64_t next_ = 1;
  std::size_t bytes_ = 0;
};

}  // namespace llama_swap::server
