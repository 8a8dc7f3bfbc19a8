// The scheduler: owns the queue and what is known of every model, and decides what happens next
// (spec runtime 7 and 6.8, design 7). A state machine without clock, threads or I/O: events and the
// time come in by calls, consequences go out through Effects. The same events at the same times
// have the same consequences.
//
// Life of a ticket                           Life of an instance
//
//   arrive ──► waiting ──► served ──► ended    starting ──► ready ──► stopping ──► gone
//     │        queue or     ▲                     │           └─────► exited ────► gone    ended by
//     itself │        a swap ──────┘                     └► aborting ───────────────────► gone
//     failed or given up └──────► refused ───────────► ended
//
// Invariants, true whenever no call is in progress:
//  I1  A waiting ticket is either in the queue or among the waiters of the swap to its model, never
//  both. I2  The queue is ordered: first those overdue, in the order in which they became so; then
//  by priority; then by
//      arrival. `position` is the 1-based place, 0 for the waiters of a swap.
//  I3  No queued ticket could be served, join or start: each event that could change that ends with
//  settle(). I4  There is at most one swap to a model, and swaps in progress do not conflict with
//  each other when they begin. I5  A starting instance belongs to the swap to its model. Whoever
//  takes the swap away stops the instance. I6  An instance is started only when no other one of its
//  model is left, and none of those the swap displaces. I7  A swap stops no instance with requests
//  in flight. I8  The set of tickets served before an overdue one that conflicts is fixed when it
//  becomes overdue, unless
//      what holds it up is residency or a stuck model (then holding others up would not help it).
//  I9  waiting + served of a model = its tickets that have not ended and were not refused; nothing
//  else is counted, so
//      no slot can be lost.
//
// Precedence, strongest first: requests being served, residency, overdue tickets, priority,
// arrival.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sched/decide.h"
#include "sched/policy.h"
#include "sched/types.h"
#include "util/time.h"

namespace llama_swap::sched {

struct ModelSettings {
  bool configured = true;
  int limit = 10;  // requests waiting or being served; more are refused
  int priority = 0;
  util::seconds ttl{0};  // 0: never unloaded for being idle
};

struct Settings {
  std::vector<ModelSettings> models;  // by ModelId
  std::shared_ptr<const Policy> policy;
  // When a queued ticket becomes overdue. Nothing: the larger of 30 s and twice the measured load
  // times of the models involved together (its own, and those that must go for it: what there and
  // back costs). 0: never.
  std::optional<util::Millis> max_wait;
  util::Millis min_residency{0};  // how long a freshly loaded model is not displaced
};

// Why a ticket has not been served yet.
struct Waiting {
  WaitReason why = WaitReason::queue;
  Models blockers;
  int position = 0;                       // in the queue (I2)
  std::optional<util::Time> expected_at;  // when its load should be done; nothing: not known
};

// One request, or one wish of a preload. Owned by the caller, who must end() it before destroying
// or reusing it.
struct Ticket {
  enum class Phase { idle, waiting, served, refused, ended };

  // Set by the caller.
  ModelId model = 0;
  bool preload = false;  // wants its model ready, not a place in it: never counted, no limit

  // Set by the scheduler.
  Phase phase = Phase::idle;
  bool queued = false;  // waiting in the queue; else, if waiting: for the swap to its model
  bool overdue = false;
  bool has_claim = false;  // overdue, and others must wait for it (I8)
  bool changed = false;    // an Effects::changed is due
  bool displaced = false;  // others were, or are to be, stopped because its turn came
  int priority = 0;
  std::uint64_t number = 0;  // by arrival
  util::Time arrived;
  Waiting waiting;                                    // phase waiting
  InstanceId instance = 0;                            // phase served
  RefuseReason refusal = RefuseReason::start_failed;  // phase refused
  std::string message;                                // of the launcher, for start_failed
};

struct Instance {
  enum class State { starting, ready, stopping, aborting, exited };
  InstanceId id = 0;
  ModelId model = 0;
  State state = State::starting;
  int in_flight = 0;
  bool outdated = false;  // launch settings have changed: drains, then stops
  bool stuck = false;     // killed, but does not go
  StartReason why_started = StartReason::request;
  Models displaced;  // what was stopped for it
  std::optional<StopReason> why_stopped;
  util::Time started;
  util::Time ready_since;
  util::Time last_use;  // became ready or finished a request
  bool leaving() const { return state != State::starting && state != State::ready; }
};

// Carries decisions out. Called during the events of the scheduler; must not call it back.
class Effects {
 public:
  virtual ~Effects() = default;
  // It was decided that `displaced` must go for `target`: `running` is what the policy was asked
  // with. What is to be stopped and started for it follows. For the log and whoever watches, as the
  // next: each swap that begins ends once.
  virtual void swap_begins(ModelId target, const Models& running, const Models& displaced,
                           StartReason why) = 0;
  virtual void swap_ends(ModelId target, SwapEnd how) = 0;
  // Launch it. Answered by ready or start_failed, then perhaps exited, at the very end gone.
  virtual void start(const Instance& instance) = 0;
  // Stop it; `instance.why_stopped` says why. Answered by gone. Comes again for one that is
  // stopping already when the reason has become shutdown.
  virtual void stop(const Instance& instance) = 0;
  // The ticket was served or refused, or waits for something else or at another place. Not called
  // for what a ticket meets during its own arrive(): look at its phase afterwards.
  virtual void changed(Ticket& ticket) = 0;
};

class Scheduler {
 public:
  // `effects` must outlive the scheduler. Tickets must end before it is destroyed.
  Scheduler(Settings settings, Effects& effects);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // ---- requests
  // Asks for a place. A model that is ready, with nobody in the way, costs no allocation and no
  // evaluation.
  void arrive(Ticket& ticket, util::Time now);
  // The request is over: answered, failed, or its client has left while waiting. Does nothing when
  // repeated.
  void end(Ticket& ticket, util::Time now);

  // ---- what becomes of instances. Events of instances that are no longer known, or that do not
  // fit their state any more (the late result of a start that was given up), are ignored.
  void ready(InstanceId id, util::Time now);
  void start_failed(InstanceId id, const std::string& message, util::Time now);
  void exited(InstanceId id, util::Time now);
  void stuck(InstanceId id, util::Time now);
  void gone(InstanceId id, util::Time now);

  // ---- commands
  // Refuses the waiting tickets of these models, gives up swaps to them and stops them, busy or
  // not.
  void unload(std::span<const ModelId> models, util::Time now);
  // `settings` names all models ever known; `restart`: those whose launch settings changed. They,
  // and those no longer configured, finish what they are serving and stop; a start in progress is
  // given up, and repeated for those still configured that somebody waits for.
  void reconfigure(Settings settings, std::span<const ModelId> restart, util::Time now);
  // Refuses everything waiting and everything to come, and stops everything.
  void shutdown(util::Time now);

  // ---- time
  void tick(util::Time now);
  // When tick() has something to do; max: never. May be too early, never too late.
  util::Time next_deadline() const { return deadline_; }

  // ---- for status displays
  const Settings& settings() const { return settings_; }
  // The instance that serves or will serve, else the one that is leaving, else null. Valid until
  // the next event.
  const Instance* instance(ModelId model) const;
  // The models that would be stopped, at once or later, for a ticket of `model` that arrived now.
  Models would_displace(ModelId model, util::Time now);
  int waiting(ModelId model) const { return models_[model].waiting; }
  int served(ModelId model) const { return models_[model].served; }
  std::size_t queue_length() const { return queue_.size(); }  // preloads, too
  std::optional<util::Millis> load_time(ModelId model) const { return models_[model].load_time; }

 private:
  using Time = util::Time;

  // "Stop those displaced, then make the target ready", on behalf of the tickets that wait for it.
  struct Swap {
    Models displaced;
    std::vector<Ticket*> waiters;
    bool preload = false;               // a preload has asked for it, now or earlier
    Time abandoned_since;               // valid while there are no waiters
    std::uint64_t policy_revision = 0;  // under which `displaced` was determined
  };

  struct Model {
    int waiting = 0;  // tickets, preloads not counted
    int served = 0;
    std::optional<util::Millis> load_time;             // of the last successful start
    std::vector<std::unique_ptr<Instance>> instances;  // today at most one at a time
    std::unique_ptr<Swap> swap;                        // in progress to this model

    // Caches, each valid while its revision is that of the scheduler.
    std::uint64_t open_revision = 0;
    Instance* open = nullptr;  // serves whoever comes, at once
    std::uint64_t evictions_revision = 0;
    Models evictions;  // given the running set
  };

  // ---- steps of settle(), in this order
  void settle(Time now);
  void advance_swaps(Time now);
  void mark_overdue(Time now);
  void stop_unneeded(Time now);
  void drain(Time now);
  void plan(Time now);
  void renumber();
  void flush();

  // ---- tickets
  std::optional<Reject> rejected(const Ticket& ticket) const;
  void enqueue(Ticket& ticket);
  void dequeue(Ticket& ticket);
  void serve(Ticket& ticket, Instance& instance);
  void refuse(Ticket& ticket, RefuseReason why, const std::string& message = {});
  void refuse_waiting(ModelId model, RefuseReason why, const std::string& message = {});
  std::unique_ptr<Swap> end_swap(ModelId model, SwapEnd how);
  void set_waiting(Ticket& ticket, WaitReason why, const Models& blockers,
                   std::optional<Time> expected_at = {});
  void set_claim(Ticket& ticket, bool has_claim);
  void mark(Ticket& ticket);
  Time overdue_at(const Ticket& ticket);

  // ---- swaps
  void begin_swap(Ticket& first, Models displaced, Time now);
  void join(Ticket& ticket);
  void leave_swap(Ticket& ticket, Time now);
  void advance(ModelId model, Time now);
  void launch(Model& model, ModelId id, Time now);
  void complete(ModelId id, Instance& instance);
  void dissolve(ModelId id);
  void describe(Model& model);
  Models not_gone(const Model& model, ModelId id) const;
  bool is_stuck(ModelId model) const;
  // When a load nobody waits for is to be given up; max: not as things stand.
  Time give_up_at(ModelId model, Time now);

  // ---- instances
  Instance* find(InstanceId id);
  static Instance* usable(const Model& model);
  static Instance* starting(const Model& model);
  void stop(Instance& instance, StopReason why);
  void stop_all(ModelId model, StopReason why);
  Time idle_deadline(const Instance& instance) const;
  Time keep_until(ModelId model) const;

  // ---- facts
  const Models& running();
  const Models& evictions(ModelId model);
  Models evictions_beside(ModelId model, ModelId newcomer);
  Models as_seen_by(ModelId model, Models beside) const;
  Resident resident(ModelId model) const;
  Facts facts_for(ModelId model, std::span<const ModelId> overdue, Time now);
  void touch() { ++revision_; }

  Settings settings_;
  Effects& effects_;
  std::vector<Model> models_;   // by ModelId
  std::vector<Ticket*> queue_;  // I2
  std::size_t overdue_ = 0;     // how many at the front of the queue are overdue
  bool shutting_down_ = false;
  Time deadline_ = Time::max();

  // Counts changes of anything that decisions other than "busy" depend on: instances and their
  // states, swaps, claims, the policy.
  std::uint64_t revision_ = 1;
  std::uint64_t policy_revision_ = 1;
  std::uint64_t running_revision_ = 0;
  Models running_;  // models with an instance or a swap, valid while running_revision_ == revision_
  std::uint64_t last_ticket_ = 0;
  InstanceId last_instance_ = 0;

  const Ticket* arriving_ = nullptr;
  std::vector<Ticket*> changed_;  // to be announced at the end of the event
};

}  // namespace llama_swap::sched
