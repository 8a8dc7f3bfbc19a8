// What happens in the program, for whoever listens (the event stream, today). Publishing without
// listeners costs one comparison; makers of costly events ask has_subscribers() first. I/O thread
// only.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace llama_swap::observe {

struct ModelStatus {  // some model changed its state, or which models exist changed
  std::string json;   // the list of http-api 17 as of now
};
struct ProfileChanged {
  std::optional<std::string> active;
};
struct UiConfig {    // what the console is told about the configuration
  std::string json;  // the data of http-api 17
};
struct Inflight {     // a request began, went on or ended
  std::string json;   // the data of http-api 18.1
  std::string model;  // "": it concerns several
};
struct ActivityStored {
  std::int64_t id = 0;
  std::string model = {};
};
using Event = std::variant<ModelStatus, ProfileChanged, UiConfig, Inflight, ActivityStored>;

class EventBus;

// The events published since it was made, in order. At most kMaxPending wait here, and if more than
// one, of kMaxPendingBytes in all; what comes after is dropped and take_overflow() tells, so that
// the reader can send the current state instead.
class EventSubscription : public boost::intrusive::list_base_hook<
                              boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  static constexpr std::size_t kMaxPending = 1024;
  static constexpr std::size_t kMaxPendingBytes = std::size_t{4} << 20;

  // `wake` is called from inside publish() when the first event becomes pending. It must not
  // publish, nor destroy a subscription. The bus must outlive this object.
  EventSubscription(EventBus& bus, std::function<void()> wake);

  std::shared_ptr<const Event> take();  // null: nothing pending
  bool take_overflow() { return std::exchange(overflow_, false); }

 private:
  friend class EventBus;
  void put(const std::shared_ptr<const Event>& event, std::size_t size);

  std::function<void()> wake_;
  std::deque<std::shared_ptr<const Event>> pending_;
  std::size_t pending_bytes_ = 0;
  bool overflow_ = false;
};

class EventBus {
 public:
  void publish(Event event);
  bool has_subscribers() const { return !subscribers_.empty(); }

 private:
  friend class EventSubscription;
  boost::intrusive::list<EventSubscription, boost::intrusive::constant_time_size<false>>
      subscribers_;
};

}  // namespace llama_swap::observe
