// Where events of version 2 (docs/events.md) are published and read. While nobody reads, and nobody
// has left a moment ago who may come back for more, publishing costs one comparison. I/O thread
// only.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <functional>
#include <optional>

#include "net/timer_wheel.h"
#include "server/answer.h"
#include "server/event_ring.h"

namespace llama_swap::server {

class EventHub {
 public:
  // For how long events are kept for those who have left.
  static constexpr std::chrono::seconds kLinger{60};
  // More readers than this are woken by a tick of the wheel instead of each event: what a thousand
  // readers cost does not grow with the number of events.
  static constexpr std::size_t kFew = 32;

  // The wheel must outlive the hub.
  explicit EventHub(net::TimerWheel& wheel);
  EventHub(const EventHub&) = delete;
  EventHub& operator=(const EventHub&) = delete;

  // Shows interest for as long as it lives. What it has read is its own business.
  class Reader : public boost::intrusive::list_base_hook<> {
   public:
    // `wake` is called from inside publish(), or later, after events of these topics. It must not
    // publish, nor destroy a reader. The hub must outlive this object.
    Reader(EventHub& hub, Topics topics, std::function<void()> wake);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    friend class EventHub;
    EventHub& hub_;
    const Topics topics_;
    const std::function<void()> wake_;
  };

  // Does anybody want events? Makers of costly ones ask first.
  bool wanted() const { return wanted_; }
  // Called when that becomes true, before the first reader can look at anything.
  void on_wanted(std::function<void()> begins) { begins_ = std::move(begins); }

  // `data` is an object; the time is added. `reduced`: the same for keys that open only some
  // models, if that differs.
  void publish(Topic topic, Audience audience, Json data, std::optional<Json> reduced = {});

  // Whoever comes back with an id given so far gets the whole state. Readers that are here go on.
  void renew_ids();

  const EventRing& ring() const { return ring_; }

 private:
  void wake(Topics topics);
  void left();

  EventRing ring_;
  boost::intrusive::list<Reader> readers_;
  std::function<void()> begins_;
  net::Deadline linger_, wake_;
  Topics due_;  // of events since the readers were woken last
  bool wanted_ = false;
};

}  // namespace llama_swap::server
