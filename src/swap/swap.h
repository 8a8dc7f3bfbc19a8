// The actor: owns every instance and the queue, gathers facts, lets the scheduler decide, carries
// its effects out. I/O thread only; nothing here blocks. Callbacks come from the loop, or from
// inside admit() and the Admission's destructor of *another* request; they must not destroy the
// Swap.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "net/loop.h"
#include "net/timer_wheel.h"
#include "net/upstream.h"
#include "process/launcher.h"
#include "swap/news.h"
#include "util/time.h"

namespace llama_swap::swap {

std::string_view state_text(State state);  // "stopped", ...

// Why a request was not served. The server maps the kind to a status (http-api 3).
struct Refusal {
  enum Kind {
    unknown_model,  // 404
    too_many,       // 429: concurrency limit
    start_failed,   // 503 "unspecific error: <reason>"
    unloaded,       // 500 "unspecific error: group: model unloaded"
    shutting_down,  // 500 "unspecific error: group is shutting down"
  };
  Kind kind;
  std::string message;                   // complete, as the client sees it
  std::vector<std::string> output = {};  // of start_failed: the last lines that the server wrote
};

// What a waiting request waits for: goes to the loading-state stream, logs and events unchanged.
struct Wait {
  // Machine readable: "load", "stop", "busy", "queue", "overdue", "residency", "stuck"
  // (sched/types.h).
  std::string reason;
  std::vector<std::string> blockers;  // models it waits for
  int position = 0;  // 1-based place in the queue; 0: not queued (its model is being loaded)
  util::Time since;
  std::optional<util::Time> expected_at;  // ready by then, from measured loads; nothing: not known
  bool operator==(const Wait&) const = default;
};

// One waiting request, or one wish of a preload, in the eyes of others.
struct Waiter {
  std::uint64_t number = 0;  // by arrival; never reused
  std::uint64_t tag = 0;     // what admit() was told; 0: nothing
  std::string model;
  bool preload = false;
  int priority = 0;
  bool overdue = false;
  Wait wait;
  bool operator==(const Waiter&) const = default;
};

// Where a served request goes. Shared by the requests of one instance; ends with the instance.
struct Served {
  std::shared_ptr<net::Upstream> upstream;
  std::uint64_t instance = 0;  // serial number, never reused
};

class Actor;

// One admitted request. Lives from admit() to its end; destroying it withdraws a waiting one and
// finishes a served one.
class Admission {
 public:
  enum class Phase { waiting, served, refused };

  Admission(Admission&&) noexcept;
  Admission& operator=(Admission&&) noexcept;
  ~Admission();

  Phase phase() const;
  const Refusal& refusal() const;  // phase refused
  const Served& served() const;    // phase served
  const Wait& wait() const;        // phase waiting
  // `changed` is called after each change of phase or wait, at most once per turn of the loop;
  // never from inside a call of this object. It must not destroy the admission. Empty function: no
  // more calls.
  void notify(std::function<void()> changed);
  int priority() const;
  // Other models were, or are being, stopped because the turn of this very request came.
  bool caused_swap() const;
  // Ends it now, as its destruction does. Nothing may be asked of it after that.
  void withdraw();

 private:
  friend class Actor;
  struct Ticket;
  explicit Admission(std::shared_ptr<Ticket> ticket);
  std::shared_ptr<Ticket> ticket_;
};

struct ModelStatus {
  std::string id;
  State state = State::stopped;
  int in_flight = 0;
  int waiting = 0;
  std::string reason;  // why it was started or is being stopped
};

class Actor {
 public:
  struct Hooks {
    // A line for the proxy log, about that model.
    std::function<void(config::LogLevel, const std::string& model, std::string text)> log;
    std::function<void(const std::string& model, std::string_view data)>
        output;  // what a model server wrote
    // Everything in news.h, in order. May be empty, as the next.
    std::function<void(const News&)> news;
    // queue() may have changed. Called in the middle of a decision: it must not ask anything here.
    std::function<void()> queue_changed;
  };

  // Loop, wheel and launcher must outlive the actor.
  Actor(net::Loop& loop, net::TimerWheel& wheel, process::Launcher& launcher,
        config::ConfigPtr config, Hooks hooks);
  ~Actor();
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;

  // Asks for service of a model (a real id). Decided at once where possible; else phase is
  // `waiting`. `tag` is what the caller calls the request, for queue() to tell.
  Admission admit(const std::string& model, std::uint64_t tag = 0);
  // Would a request for this model, coming now, cause the stop of another one, at once or when its
  // turn comes? Asks only; nothing changes.
  bool would_displace(const std::string& model);
  // Counts a request that bypasses the scheduler (ignored websockets): the upstream of a ready
  // model, or nothing.
  std::optional<Served> bypass(const std::string& model) const;

  State state(const std::string& model) const;
  std::vector<ModelStatus> status() const;  // all models, by id
  // Everything that waits: first what is queued, by place, then what waits for its own load.
  std::vector<Waiter> queue() const;
  std::size_t queue_length() const;               // what waits for its turn, not for its load
  std::vector<InstanceStatus> instances() const;  // by serial number
  std::vector<SwapStatus> swaps() const;          // in progress, in the order of their models

  // Stops one model or all and returns when they are gone; waiting requests for them are refused,
  // swaps to them are cancelled, running ones are cut right after the stop signal. Does not hold up
  // other models.
  net::Awaitable<void> unload(std::vector<std::string> models);
  // Starts the configured models one after the other as far as they are compatible; "ready" is
  // success.
  net::Awaitable<void> preload(std::vector<std::string> models);
  // A new configuration (spec runtime 4): unchanged models stay, changed ones drain, stop and start
  // on next use, removed ones drain and stop. Returns at once.
  void reconfigure(config::ConfigPtr config);
  // Refuses everything new and waiting, stops everything, returns when all is gone or after
  // `budget`; then whatever is left has been killed.
  net::Awaitable<void> shutdown(std::chrono::milliseconds budget);
  // Cuts the grace of a shutdown in progress (second SIGTERM).
  void hurry();

  struct Impl;  // impl.h

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace llama_swap::swap
