// Makes events of version 2 (docs/events.md) of what happens, and the snapshots that they continue.
// I/O thread only.
#pragma once

#include <chrono>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "net/timer_wheel.h"
#include "server/answer.h"
#include "server/event_ring.h"
#include "server/sight.h"
#include "store/activity_store.h"
#include "swap/swap.h"

namespace llama_swap::server {

struct Core;

class EventFeed {
 public:
  // How often the activity store is asked how it is, while somebody wants to know.
  static constexpr std::chrono::seconds kLook{1};
  // More changes of the queue than this at once are told as one list.
  static constexpr std::size_t kMaxChanges = 64;

  // The core must outlive it. Its parts that are used: deps, hub, inflight, peers, activity, site.
  explicit EventFeed(Core& core);
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  // ---- what happens
  void tell(const swap::News& news);
  void queue_changed();   // told within 0.2 s
  void models_changed();  // which there are
  void profile_changed();
  void reloaded(const config::Config& before, const config::Config& after);
  // `problems`: as the log says it.
  void reload_refused(const std::string& problems);
  void peer_unreachable(const std::string& id);
  void peer_reached(const std::string& id);  // or nothing is known of it any more
  void activity_stored(std::span<const store::Activity> rows);

  // ---- what there is
  // The state of these topics, and the id of the last event it includes. What has been waiting to
  // be told is told by that.
  Json snapshot(Topics topics, const Sight& sight);
  // {"length","requests"}
  Json queue(const Sight& sight) const;

 private:
  struct Failure {
    std::string why;
    util::Time at;
  };
  struct Stuck {
    std::string model;
    util::Time since;
  };

  void tell(const swap::StateChange& news);
  void tell(const swap::SwapBegan& news);
  void tell(const swap::SwapEnded& news);
  void tell(const swap::InstanceNews& news);
  void note_health(const swap::InstanceNews& news);
  void begin();
  void tell_queue();
  void look_at_store();
  Json models(const Sight& sight) const;
  Json health(const Sight& sight) const;
  Json configuration(const Sight& sight) const;

  Core& core_;
  net::Deadline queue_due_, look_due_;
  std::map<std::uint64_t, swap::Waiter> told_queue_;  // by number
  store::StoreHealth told_store_;
  // Known also while nobody asks.
  std::map<std::string, Failure> failed_starts_;  // by model; until it is ready
  std::map<std::uint64_t, Stuck> stuck_;          // by serial number
  std::string refused_;  // what was wrong with the last configuration; "": it is in use
  std::chrono::system_clock::time_point loaded_at_ = std::chrono::system_clock::now();
};

}  // namespace llama_swap::server
