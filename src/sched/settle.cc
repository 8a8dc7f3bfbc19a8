// What follows from an event: swaps go on, the queue is walked, deadlines are set.
#include <algorithm>
#include <cassert>
#include <utility>

#include "sched/scheduler.h"

namespace llama_swap::sched {
namespace {

constexpr util::Millis kDefaultMaxWait = util::seconds{30};
constexpr util::Millis kAbandonedGrace = util::seconds{5};

void insert(Models& models, ModelId model) {
  const auto place = std::ranges::lower_bound(models, model);
  if (place == models.end() || *place != model) models.insert(place, model);
}

}  // namespace

void Scheduler::settle(Time now) {
  // The order matters. A swap that ends serves its own waiters before the queue gets its turn, and
  // one that is dissolved gives them back to the queue, where they may be overdue. Who is overdue
  // must be known before the queue is walked; and what is not needed any more must be leaving by
  // then.
  //
  // Once more as long as something came of it: what a ticket far back has begun changes what those
  // in front wait for, and when they are overdue. It ends because each round but the last begins or
  // ends something for good.
  std::uint64_t before = 0;
  do {
    before = revision_;
    advance_swaps(now);
    mark_overdue(now);
    stop_unneeded(now);
    drain(now);
    plan(now);
  } while (revision_ != before || deadline_ <= now);
  renumber();
  flush();
}

// Moves tickets that have waited their time to the front (I2). Whom they hold up is decided when
// the queue is walked.
void Scheduler::mark_overdue(Time now) {
  std::vector<std::pair<Time, Ticket*>> due;
  for (std::size_t i = overdue_; i < queue_.size(); ++i) {
    const Time at = overdue_at(*queue_[i]);
    if (at <= now) due.emplace_back(at, queue_[i]);
  }
  std::ranges::stable_sort(due, {}, [](const auto& entry) { return entry.first; });
  for (auto [at, ticket] : due) {
    queue_.erase(std::ranges::find(queue_, ticket));
    queue_.insert(queue_.begin() + static_cast<std::ptrdiff_t>(overdue_++), ticket);
    ticket->overdue = true;
  }
}

// A ticket does not become overdue before those that must go for it may be displaced at all.
Scheduler::Time Scheduler::overdue_at(const Ticket& ticket) {
  if (settings_.max_wait == util::Millis{0}) return Time::max();
  Time displaceable = Time::min();
  util::Millis loads = models_[ticket.model].load_time.value_or(util::Millis{0});
  for (ModelId id : evictions(ticket.model)) {
    displaceable = std::max(displaceable, keep_until(id));
    loads += models_[id].load_time.value_or(util::Millis{0});
  }
  const util::Millis limit = settings_.max_wait.value_or(std::max(kDefaultMaxWait, 2 * loads));
  return std::max(displaceable, ticket.arrived + limit);
}

void Scheduler::stop_unneeded(Time now) {
  for (ModelId id = 0; id < models_.size(); ++id) {
    Model& model = models_[id];
    for (auto& instance : model.instances) {
      if (instance->state == Instance::State::ready && instance->outdated &&
          instance->in_flight == 0) {
        stop(*instance, settings_.models[id].configured ? StopReason::reload : StopReason::removed);
      }
      if (idle_deadline(*instance) <= now) stop(*instance, StopReason::ttl);
    }
    if (give_up_at(id, now) <= now) {
      Instance* instance = starting(model);
      end_swap(id, SwapEnd::abandoned);
      stop(*instance, StopReason::abandoned);
    }
  }
}

// Only somebody who needs the room makes us give up a load, not at once, and not shortly before it
// should be done.
Scheduler::Time Scheduler::give_up_at(ModelId id, Time now) {
  const Model& model = models_[id];
  const Instance* instance = starting(model);
  if (!model.swap || !model.swap->waiters.empty() || model.swap->preload || !instance) {
    return Time::max();
  }
  const Claim claim{id, model.swap->displaced, false};
  const bool in_the_way = std::ranges::any_of(queue_, [&](const Ticket* ticket) {
    return ticket->model != id && conflicts(ticket->model, evictions(ticket->model), claim);
  });
  if (!in_the_way) return Time::max();

  Time at = std::max(now, model.swap->abandoned_since + kAbandonedGrace);
  if (model.load_time) {
    // Past half as long again, the measurement no longer says anything about this load.
    const Time nearly_done = instance->started + *model.load_time * 4 / 5;
    const Time disproved = instance->started + *model.load_time * 3 / 2;
    if (at >= nearly_done && at < disproved) at = disproved;
  }
  return at;
}

// ---- swaps

void Scheduler::advance_swaps(Time now) {
  for (ModelId id = 0; id < models_.size(); ++id) {
    if (models_[id].swap) advance(id, now);
  }
}

void Scheduler::begin_swap(Ticket& first, Models displaced, Time now) {
  Model& model = models_[first.model];
  effects_.swap_begins(first.model, as_seen_by(first.model, running()), displaced,
                       first.preload ? StartReason::preload : StartReason::request);
  model.swap = std::make_unique<Swap>();
  model.swap->policy_revision = policy_revision_;
  touch();
  for (ModelId id : displaced) {
    for (auto& instance : models_[id].instances) {
      assert(instance->leaving() ||
             (instance->state == Instance::State::ready && instance->in_flight == 0));
      stop(*instance, StopReason::evicted);
    }
  }
  first.displaced = !displaced.empty();
  model.swap->displaced = std::move(displaced);
  join(first);
  advance(first.model, now);
}

void Scheduler::join(Ticket& ticket) {
  Model& model = models_[ticket.model];
  model.swap->waiters.push_back(&ticket);
  model.swap->preload |= ticket.preload;
  mark(ticket);
  describe(model);
}

void Scheduler::leave_swap(Ticket& ticket, Time now) {
  Swap& swap = *models_[ticket.model].swap;
  std::erase(swap.waiters, &ticket);
  if (swap.waiters.empty()) swap.abandoned_since = now;
}

// Takes the swap as far as it can go now. Afterwards it may be over.
void Scheduler::advance(ModelId id, Time now) {
  Model& model = models_[id];
  Swap& swap = *model.swap;
  if (swap.waiters.empty() && !starting(model)) {
    // Nobody waits and nothing is being loaded, so nothing is lost: a request whose client has left
    // never causes a start.
    end_swap(id, SwapEnd::abandoned);
    return;
  }
  if (is_stuck(id) ||
      std::ranges::any_of(swap.displaced, [this](ModelId d) { return is_stuck(d); })) {
    // It may never go on. Its waiters wait in the queue instead, where they hold nobody up.
    return dissolve(id);
  }
  if (!not_gone(model, id).empty()) return describe(model);
  if (Instance* instance = usable(model)) return complete(id, *instance);
  if (starting(model)) return describe(model);
  // What must go was settled by the old configuration; the new one may want more.
  if (swap.policy_revision != policy_revision_ && !evictions(id).empty()) return dissolve(id);
  launch(model, id, now);
}

void Scheduler::launch(Model& model, ModelId id, Time now) {
  auto instance = std::make_unique<Instance>();
  instance->id = ++last_instance_;
  instance->model = id;
  instance->why_started = model.swap->preload ? StartReason::preload : StartReason::request;
  instance->displaced = model.swap->displaced;
  instance->started = now;
  model.instances.push_back(std::move(instance));
  touch();
  effects_.start(*model.instances.back());
  describe(model);
}

// Null: none was in progress. Its waiters are the caller's business.
std::unique_ptr<Scheduler::Swap> Scheduler::end_swap(ModelId id, SwapEnd how) {
  auto swap = std::exchange(models_[id].swap, nullptr);
  if (!swap) return swap;
  touch();
  effects_.swap_ends(id, how);
  return swap;
}

void Scheduler::complete(ModelId id, Instance& instance) {
  const auto swap = end_swap(id, SwapEnd::ready);
  for (Ticket* ticket : swap->waiters) serve(*ticket, instance);
}

void Scheduler::dissolve(ModelId id) {
  const auto swap = end_swap(id, SwapEnd::requeued);
  for (Ticket* ticket : swap->waiters) enqueue(*ticket);
}

// Tells the waiters what they wait for.
void Scheduler::describe(Model& model) {
  const Instance* instance = starting(model);
  std::optional<Time> expected_at;
  if (instance && model.load_time) expected_at = instance->started + *model.load_time;
  Models blockers;
  if (!instance && !model.swap->waiters.empty()) {
    blockers = not_gone(model, model.swap->waiters.front()->model);
  }
  for (Ticket* ticket : model.swap->waiters) {
    set_waiting(*ticket, instance ? WaitReason::load : WaitReason::stop, blockers, expected_at);
  }
}

// What the swap still has to wait for before its model can serve or be started (I6).
Models Scheduler::not_gone(const Model& model, ModelId id) const {
  Models out;
  for (ModelId displaced : model.swap->displaced) {
    if (!models_[displaced].instances.empty()) out.push_back(displaced);
  }
  const bool own = std::ranges::any_of(model.instances, [](const auto& instance) {
    return instance->leaving() || instance->outdated;
  });
  if (own) insert(out, id);
  return out;
}

bool Scheduler::is_stuck(ModelId id) const {
  return std::ranges::any_of(models_[id].instances, [](const auto& i) { return i->stuck; });
}

// ---- the queue

// One walk from the front. A blocked ticket does not block those behind it, except through the
// claim of an overdue one.
void Scheduler::drain(Time now) {
  std::vector<ModelId> claims;  // models of the overdue tickets passed so far that hold others up
  std::vector<std::pair<ModelId, Wait>>
      blocked;  // found since the last change: holds for all tickets of the model
  std::uint64_t found_at = revision_;

  for (std::size_t i = 0; i < queue_.size();) {
    Ticket& ticket = *queue_[i];
    if (found_at != revision_) {
      blocked.clear();
      found_at = revision_;
    }
    auto known = std::ranges::find(blocked, ticket.model, &std::pair<ModelId, Wait>::first);
    Decision decision = known != blocked.end() ? Decision{known->second}
                                               : decide(ticket.model, evictions(ticket.model),
                                                        facts_for(ticket.model, claims, now));

    if (auto* wait = std::get_if<Wait>(&decision)) {
      set_waiting(ticket, wait->why, wait->blockers);
      const bool held = wait->why == WaitReason::stuck || wait->why == WaitReason::residency;
      set_claim(ticket, ticket.overdue && !held);
      if (ticket.has_claim && std::ranges::find(claims, ticket.model) == claims.end()) {
        claims.push_back(ticket.model);
      }
      if (known == blocked.end()) blocked.emplace_back(ticket.model, *std::move(wait));
      ++i;
      continue;
    }

    const bool before_all_claims = ticket.overdue;
    dequeue(ticket);
    Model& model = models_[ticket.model];
    if (std::holds_alternative<Serve>(decision)) {
      model.open = usable(model);
      if (!before_all_claims) model.open_revision = revision_;
      serve(ticket, *model.open);
    } else if (std::holds_alternative<Join>(decision)) {
      join(ticket);
    } else {
      begin_swap(ticket, std::move(std::get<Start>(decision).displaced), now);
    }
  }
}

Models Scheduler::would_displace(ModelId id, Time now) {
  std::vector<ModelId> claims;
  for (const Ticket* ticket : queue_)
    if (ticket->has_claim) claims.push_back(ticket->model);
  return displaced(id, evictions(id), facts_for(id, claims, now));
}

void Scheduler::renumber() {
  int position = 0;
  for (Ticket* ticket : queue_) {
    if (ticket->waiting.position != ++position) {
      ticket->waiting.position = position;
      mark(*ticket);
    }
  }
}

void Scheduler::plan(Time now) {
  deadline_ = Time::max();
  for (ModelId id = 0; id < models_.size(); ++id) {
    for (auto& instance : models_[id].instances) {
      deadline_ = std::min(deadline_, idle_deadline(*instance));
    }
    deadline_ = std::min(deadline_, give_up_at(id, now));
  }
  for (const Ticket* ticket : queue_) {
    if (!ticket->overdue) deadline_ = std::min(deadline_, overdue_at(*ticket));
    if (ticket->waiting.why != WaitReason::residency) continue;
    for (ModelId id : ticket->waiting.blockers) deadline_ = std::min(deadline_, keep_until(id));
  }
}

// ---- facts

const Models& Scheduler::running() {
  if (running_revision_ != revision_) {
    running_.clear();
    for (ModelId id = 0; id < models_.size(); ++id) {
      if (!models_[id].instances.empty() || models_[id].swap) running_.push_back(id);
    }
    running_revision_ = revision_;
  }
  return running_;
}

const Models& Scheduler::evictions(ModelId id) {
  Model& model = models_[id];
  if (model.evictions_revision != revision_) {
    model.evictions = evictions_beside(id, id);
    model.evictions_revision = revision_;
  }
  return model.evictions;
}

// What would have to go for `id` if `newcomer` ran as well.
Models Scheduler::evictions_beside(ModelId id, ModelId newcomer) {
  Models beside = running();
  insert(beside, newcomer);
  return settings_.policy->evictions(id, as_seen_by(id, std::move(beside)));
}

// As the policy wants it: the model itself counts only if it is ready.
Models Scheduler::as_seen_by(ModelId id, Models beside) const {
  if (!usable(models_[id])) std::erase(beside, id);
  return beside;
}

Resident Scheduler::resident(ModelId id) const {
  Resident out;
  out.model = id;
  out.state = Resident::leaving;
  out.keep_until = keep_until(id);
  for (const auto& instance : models_[id].instances) {
    out.stuck |= instance->stuck;
    if (instance->state == Instance::State::starting) out.state = Resident::starting;
    if (instance->state != Instance::State::ready) continue;
    out.state = Resident::ready;
    out.busy |= instance->in_flight > 0;
    out.draining |= instance->outdated;
  }
  return out;
}

// `overdue`: models of overdue tickets with precedence. Their claims are taken as if `id` ran
// already.
Facts Scheduler::facts_for(ModelId id, std::span<const ModelId> overdue, Time now) {
  Facts facts;
  facts.now = now;
  for (ModelId other = 0; other < models_.size(); ++other) {
    const Model& model = models_[other];
    if (!model.instances.empty()) facts.residents.push_back(resident(other));
    if (model.swap) facts.claims.push_back({other, model.swap->displaced, false});
  }
  for (ModelId other : overdue) {
    if (other != id) facts.claims.push_back({other, evictions_beside(other, id), true});
  }
  return facts;
}

}  // namespace llama_swap::sched
