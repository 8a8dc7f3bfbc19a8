// Events and commands. What follows from them is in settle.cc.
#include "sched/scheduler.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace llama_swap::sched {

Scheduler::Scheduler(Settings settings, Effects& effects)
    : settings_(std::move(settings)), effects_(effects), models_(settings_.models.size()) {}

Scheduler::~Scheduler() = default;

// ---- requests

void Scheduler::arrive(Ticket& ticket, Time now) {
  assert(ticket.phase == Ticket::Phase::idle);
  ticket.number = ++last_ticket_;
  ticket.arrived = now;
  if (auto no = rejected(ticket)) {
    ticket.phase = Ticket::Phase::refused;
    ticket.refusal = no->why;
    return;
  }
  Model& model = models_[ticket.model];
  ticket.phase = Ticket::Phase::waiting;
  ticket.priority = settings_.models[ticket.model].priority;
  if (!ticket.preload) ++model.waiting;

  arriving_ = &ticket;
  // Must follow the count above: an idle model whose time is up right now is used, not unloaded.
  if (now >= deadline_) settle(now);
  if (model.open_revision == revision_) {
    serve(ticket, *model.open);
  } else {
    enqueue(ticket);
    settle(now);
  }
  arriving_ = nullptr;
}

std::optional<Reject> Scheduler::rejected(const Ticket& ticket) const {
  Admission admission;
  admission.shutting_down = shutting_down_;
  admission.known = ticket.model < models_.size() && settings_.models[ticket.model].configured;
  if (admission.known && !ticket.preload) {
    admission.reserved = models_[ticket.model].waiting + models_[ticket.model].served;
    admission.limit = settings_.models[ticket.model].limit;
  }
  return reject(admission);
}

void Scheduler::end(Ticket& ticket, Time now) {
  const Ticket::Phase phase = std::exchange(ticket.phase, Ticket::Phase::ended);
  if (phase == Ticket::Phase::waiting) {
    if (!ticket.preload) --models_[ticket.model].waiting;
    if (ticket.queued) {
      dequeue(ticket);
    } else {
      leave_swap(ticket, now);
    }
    settle(now);
  }
  if (phase != Ticket::Phase::served) return;

  Model& model = models_[ticket.model];
  if (!ticket.preload) --model.served;
  const auto instance = std::ranges::find(model.instances, ticket.instance, &Instance::id);
  if (instance == model.instances.end()) return;  // gone before its request was over
  (*instance)->last_use = now;
  if (ticket.preload || --(*instance)->in_flight > 0) return;
  if (queue_.empty() && !(*instance)->outdated) {
    deadline_ = std::min(deadline_, idle_deadline(**instance));
    return;
  }
  settle(now);
}

void Scheduler::serve(Ticket& ticket, Instance& instance) {
  ticket.phase = Ticket::Phase::served;
  ticket.instance = instance.id;
  if (!ticket.preload) {
    Model& model = models_[ticket.model];
    --model.waiting;
    ++model.served;
    ++instance.in_flight;
  }
  mark(ticket);
}

void Scheduler::refuse(Ticket& ticket, RefuseReason why, const std::string& message) {
  if (!ticket.preload) --models_[ticket.model].waiting;
  ticket.phase = Ticket::Phase::refused;
  ticket.refusal = why;
  ticket.message = message;
  mark(ticket);
}

// All that wait for the model, and the swap to it. Its instance is the caller's business (I5).
void Scheduler::refuse_waiting(ModelId id, RefuseReason why, const std::string& message) {
  const SwapEnd end =
      why == RefuseReason::shutting_down ? SwapEnd::shutting_down : SwapEnd::unloaded;
  if (const auto swap = end_swap(id, end)) {
    for (Ticket* ticket : swap->waiters) refuse(*ticket, why, message);
  }
  const std::vector<Ticket*> before = queue_;
  for (Ticket* ticket : before) {
    if (ticket->model != id) continue;
    dequeue(*ticket);
    refuse(*ticket, why, message);
  }
}

void Scheduler::set_waiting(Ticket& ticket, WaitReason why, const Models& blockers,
                            std::optional<Time> expected_at) {
  Waiting& waiting = ticket.waiting;
  if (waiting.why == why && waiting.blockers == blockers && waiting.expected_at == expected_at) {
    return;
  }
  waiting.why = why;
  waiting.blockers = blockers;
  waiting.expected_at = expected_at;
  mark(ticket);
}

void Scheduler::mark(Ticket& ticket) {
  if (&ticket == arriving_ || ticket.changed) return;
  ticket.changed = true;
  changed_.push_back(&ticket);
}

void Scheduler::flush() {
  for (Ticket* ticket : changed_) {
    ticket->changed = false;
    effects_.changed(*ticket);
  }
  changed_.clear();
}

// ---- the queue

void Scheduler::enqueue(Ticket& ticket) {
  // A ticket that comes back from a dissolved swap gets the place that it would have had.
  const auto behind = [&ticket](const Ticket* other) {
    if (other->priority != ticket.priority) return other->priority < ticket.priority;
    return other->number > ticket.number;
  };
  const auto place =
      std::find_if(queue_.begin() + static_cast<std::ptrdiff_t>(overdue_), queue_.end(), behind);
  queue_.insert(place, &ticket);
  ticket.queued = true;
}

void Scheduler::dequeue(Ticket& ticket) {
  queue_.erase(std::ranges::find(queue_, &ticket));
  ticket.queued = false;
  ticket.waiting.position = 0;
  if (ticket.overdue) {
    ticket.overdue = false;
    --overdue_;
    set_claim(ticket, false);
  }
}

void Scheduler::set_claim(Ticket& ticket, bool has_claim) {
  if (ticket.has_claim == has_claim) return;
  ticket.has_claim = has_claim;
  touch();
}

// ---- what becomes of instances

void Scheduler::ready(InstanceId id, Time now) {
  Instance* instance = find(id);
  if (!instance || instance->state != Instance::State::starting) return;
  instance->state = Instance::State::ready;
  instance->ready_since = instance->last_use = now;
  models_[instance->model].load_time =
      std::chrono::duration_cast<util::Millis>(now - instance->started);
  touch();
  settle(now);
}

void Scheduler::start_failed(InstanceId id, const std::string& message, Time now) {
  Instance* instance = find(id);
  if (!instance || instance->state != Instance::State::starting) return;
  instance->state = Instance::State::aborting;
  touch();
  // Queued tickets of the model are not meant: they did not join this start and will try another
  // one.
  if (const auto swap = end_swap(instance->model, SwapEnd::start_failed)) {
    for (Ticket* ticket : swap->waiters) refuse(*ticket, RefuseReason::start_failed, message);
  }
  settle(now);
}

void Scheduler::exited(InstanceId id, Time now) {
  Instance* instance = find(id);
  if (!instance || instance->state != Instance::State::ready) return;
  instance->state = Instance::State::exited;
  touch();
  settle(now);
}

void Scheduler::stuck(InstanceId id, Time now) {
  Instance* instance = find(id);
  if (!instance || !instance->leaving()) return;
  instance->stuck = true;
  touch();
  settle(now);
}

void Scheduler::gone(InstanceId id, Time now) {
  Instance* instance = find(id);
  if (!instance) return;
  if (instance->state == Instance::State::starting) {
    start_failed(id, "upstream command exited prematurely", now);
  }
  std::erase_if(models_[instance->model].instances, [id](const auto& i) { return i->id == id; });
  touch();
  settle(now);
}

// ---- commands

void Scheduler::unload(std::span<const ModelId> models, Time now) {
  for (ModelId id : models) {
    refuse_waiting(id, RefuseReason::unloaded);
    stop_all(id, StopReason::unload);
  }
  settle(now);
}

void Scheduler::reconfigure(Settings settings, std::span<const ModelId> restart, Time now) {
  assert(settings.models.size() >= models_.size());
  settings_ = std::move(settings);
  models_.resize(settings_.models.size());
  ++policy_revision_;
  touch();

  for (ModelId id : restart) {
    Model& model = models_[id];
    model.load_time.reset();
    for (auto& instance : model.instances) instance->outdated = true;
    // The swap stays: its waiters are served by the next start.
    if (Instance* instance = starting(model)) stop(*instance, StopReason::reload);
  }
  for (ModelId id = 0; id < models_.size(); ++id) {
    if (settings_.models[id].configured) continue;
    Model& model = models_[id];
    refuse_waiting(id, RefuseReason::unloaded);
    for (auto& instance : model.instances) instance->outdated = true;
    if (Instance* instance = starting(model)) stop(*instance, StopReason::removed);
  }
  settle(now);
}

void Scheduler::shutdown(Time now) {
  shutting_down_ = true;
  for (ModelId id = 0; id < models_.size(); ++id) {
    refuse_waiting(id, RefuseReason::shutting_down);
    stop_all(id, StopReason::shutdown);
  }
  settle(now);
}

void Scheduler::tick(Time now) {
  if (now >= deadline_) settle(now);
}

// ---- instances

const Instance* Scheduler::instance(ModelId id) const {
  const Model& model = models_[id];
  if (const Instance* instance = usable(model)) return instance;
  if (const Instance* instance = starting(model)) return instance;
  return model.instances.empty() ? nullptr : model.instances.back().get();
}

Instance* Scheduler::find(InstanceId id) {
  for (const Model& model : models_) {
    for (const auto& instance : model.instances) {
      if (instance->id == id) return instance.get();
    }
  }
  return nullptr;
}

Instance* Scheduler::usable(const Model& model) {
  for (const auto& instance : model.instances) {
    if (instance->state == Instance::State::ready && !instance->outdated) return instance.get();
  }
  return nullptr;
}

Instance* Scheduler::starting(const Model& model) {
  for (const auto& instance : model.instances) {
    if (instance->state == Instance::State::starting) return instance.get();
  }
  return nullptr;
}

void Scheduler::stop(Instance& instance, StopReason why) {
  if (instance.leaving()) {
    // Only the end of the program is in more of a hurry than whoever began the stop.
    if (why != StopReason::shutdown || instance.why_stopped == why) return;
  } else {
    instance.state = instance.state == Instance::State::starting ? Instance::State::aborting
                                                                 : Instance::State::stopping;
  }
  instance.why_stopped = why;
  touch();
  effects_.stop(instance);
}

void Scheduler::stop_all(ModelId id, StopReason why) {
  for (auto& instance : models_[id].instances) stop(*instance, why);
}

// When an instance has been idle for its time to live. Requests that wait for the model keep it:
// they will use it, or make room for others as the queue decides.
Scheduler::Time Scheduler::idle_deadline(const Instance& instance) const {
  const Model& model = models_[instance.model];
  const util::seconds ttl = settings_.models[instance.model].ttl;
  const bool idle = instance.state == Instance::State::ready && instance.in_flight == 0 &&
                    model.waiting == 0 && !model.swap;
  return idle && ttl > util::seconds{0} ? instance.last_use + ttl : Time::max();
}

// Until when a swap may not stop what is ready of the model.
Scheduler::Time Scheduler::keep_until(ModelId id) const {
  Time until = Time::min();
  for (const auto& instance : models_[id].instances) {
    if (instance->state != Instance::State::ready || instance->outdated) continue;
    until = std::max(until, instance->ready_since + settings_.min_residency);
  }
  return until;
}

}  // namespace llama_swap::sched
