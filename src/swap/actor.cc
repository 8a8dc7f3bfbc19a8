// The interface of the actor, and the commands that wait for their end.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "swap/impl.h"

namespace llama_swap::swap {
namespace {

// How long shutdown() waits, after the last grace, for the kernel to clear away what was killed.
constexpr std::chrono::milliseconds kKillMargin{2000};

// What clients see in front of a reason says nothing in a log.
std::string_view reason_of(std::string_view message) {
  constexpr std::string_view kPrefix = "unspecific error: ";
  return message.starts_with(kPrefix) ? message.substr(kPrefix.size()) : message;
}

}  // namespace

Actor::Actor(net::Loop& loop, net::TimerWheel& wheel, process::Launcher& launcher,
             config::ConfigPtr config, Hooks hooks)
    : impl_(std::make_unique<Impl>(loop, wheel, launcher, std::move(config), std::move(hooks))) {}

Actor::~Actor() = default;

Admission Actor::admit(const std::string& model, std::uint64_t tag) {
  return impl_->admit(model, false, tag);
}

bool Actor::would_displace(const std::string& model) {
  const sched::ModelId id = impl_->table.find(model);
  return id != ModelTable::kUnknown &&
         !impl_->scheduler.would_displace(id, util::Clock::now()).empty();
}

std::optional<Served> Actor::bypass(const std::string& model) const {
  const sched::ModelId id = impl_->table.find(model);
  if (id == ModelTable::kUnknown || impl_->shown[id] != State::ready) return std::nullopt;
  const Running* const by = impl_->newest[id];
  return Served{by->upstream, by->id};
}

State Actor::state(const std::string& model) const {
  const sched::ModelId id = impl_->table.find(model);
  return id == ModelTable::kUnknown ? State::stopped : impl_->shown[id];
}

std::vector<ModelStatus> Actor::status() const {
  std::vector<ModelStatus> out;
  for (const auto& [name, model] : impl_->table.config()->models) {
    const sched::ModelId id = impl_->table.find(name);
    ModelStatus status{
        name, impl_->shown[id], impl_->scheduler.served(id), impl_->scheduler.waiting(id), {}};
    if (const sched::Instance* instance = impl_->scheduler.instance(id)) {
      status.reason = instance->stuck         ? "stuck"
                      : instance->why_stopped ? sched::text(*instance->why_stopped)
                                              : sched::text(instance->why_started);
    }
    out.push_back(std::move(status));
  }
  return out;
}

std::vector<Waiter> Actor::queue() const {
  std::vector<Waiter> out;
  for (const Admission::Ticket& ticket : impl_->tickets) {
    if (ticket.phase != sched::Ticket::Phase::waiting) continue;
    out.push_back({ticket.number, ticket.tag, impl_->table.name(ticket.model), ticket.preload,
                   ticket.priority, ticket.overdue, ticket.wait});
  }
  // Without a place: behind, by arrival.
  std::ranges::stable_sort(out, {}, [](const Waiter& waiter) {
    return waiter.wait.position > 0 ? waiter.wait.position : std::numeric_limits<int>::max();
  });
  return out;
}

std::size_t Actor::queue_length() const {
  return impl_->scheduler.queue_length();
}

std::vector<InstanceStatus> Actor::instances() const {
  std::vector<InstanceStatus> out;
  for (const auto& [id, running] : impl_->running) {
    InstanceStatus status;
    status.model = impl_->table.name(running->model);
    status.instance = id;
    status.state = impl_->shown[running->model];
    if (running->process) {
      status.pid = running->process->pid();
      status.tree_root = running->process->tree_root();
    }
    status.started = running->started;
    status.ready = running->ready_since;
    status.reason = running->reason;
    status.stuck = running->stuck;
    const sched::Instance* const known = impl_->scheduler.instance(running->model);
    if (known && known->id == id) status.in_flight = known->in_flight;
    out.push_back(std::move(status));
  }
  return out;
}

std::vector<SwapStatus> Actor::swaps() const {
  std::vector<SwapStatus> out;
  for (const auto& [model, swap] : impl_->swaps) out.push_back(swap);
  return out;
}

net::Awaitable<void> Actor::unload(std::vector<std::string> models) {
  return impl_->unload(std::move(models));
}
net::Awaitable<void> Actor::preload(std::vector<std::string> models) {
  return impl_->preload(std::move(models));
}
void Actor::reconfigure(config::ConfigPtr config) {
  impl_->reconfigure(std::move(config));
}
net::Awaitable<void> Actor::shutdown(std::chrono::milliseconds budget) {
  return impl_->shutdown(budget);
}

void Actor::hurry() {
  for (auto& [id, running] : impl_->running) running->process->stop(std::chrono::milliseconds{0});
}

// ---- commands

net::Awaitable<void> Actor::Impl::unload(std::vector<std::string> names) {
  sched::Models models;
  for (const std::string& name : names) {
    const sched::ModelId id = table.find(name);
    if (id != ModelTable::kUnknown) models.push_back(id);
  }
  std::vector<sched::InstanceId> meant;
  for (const auto& [id, instance] : running) {
    if (std::ranges::find(models, instance->model) != models.end()) meant.push_back(id);
  }
  scheduler.unload(models, util::Clock::now());
  settle();
  const Gate gate = make_gate();
  while (!all_gone(meant)) co_await gate->async_wait(net::use_awaitable);
}

// One after the other as far as they displace each other: one that has to queue is waited for
// before the next one is asked for, so that the last of the list stays. The others load side by
// side.
net::Awaitable<void> Actor::Impl::preload(std::vector<std::string> names) {
  const std::uint64_t round = ++preload_round;
  const Gate gate = make_gate();
  std::vector<std::pair<std::string, Admission>> pending;

  const auto collect = [this, &pending] {
    std::erase_if(pending, [this](const auto& entry) {
      const Admission& admission = entry.second;
      if (admission.phase() == Admission::Phase::waiting) return false;
      if (admission.phase() == Admission::Phase::refused && !shutting_down) {
        log(config::LogLevel::error, entry.first,
            fmt::format("failed to preload model {}: {}", entry.first,
                        reason_of(admission.refusal().message)));
      }
      return true;
    });
  };

  for (const std::string& name : names) {
    if (shutting_down) break;
    log(config::LogLevel::info, name, fmt::format("preloading model: {}", name));
    pending.emplace_back(name, admit(name, true, 0));
    pending.back().second.notify([gate] { gate->cancel(); });
    const auto queued = [&pending] {
      return std::ranges::any_of(
          pending, [](const auto& entry) { return entry.second.wait().position > 0; });
    };
    collect();
    while (queued()) {
      co_await gate->async_wait(net::use_awaitable);
      if (round != preload_round) co_return;  // what is left is withdrawn
      collect();
    }
  }
  while (!pending.empty()) {
    co_await gate->async_wait(net::use_awaitable);
    if (round != preload_round) co_return;
    collect();
  }
}

net::Awaitable<void> Actor::Impl::shutdown(std::chrono::milliseconds budget) {
  const util::Time deadline = util::Clock::now() + budget + kKillMargin;
  shutting_down = true;
  shutdown_grace = budget;
  ++preload_round;
  scheduler.shutdown(util::Clock::now());
  world_changed = true;
  settle();
  const Gate gate = make_gate();
  while (!all_gone(instances()) && util::Clock::now() < deadline) {
    gate->expires_at(deadline);
    co_await gate->async_wait(net::use_awaitable);
  }
}

Gate Actor::Impl::make_gate() {
  auto gate = std::make_shared<Timer>(loop, util::Time::max());
  gates.push_back(gate);
  return gate;
}

std::vector<sched::InstanceId> Actor::Impl::instances() const {
  std::vector<sched::InstanceId> out;
  for (const auto& [id, instance] : running) out.push_back(id);
  return out;
}

// A stuck one is not waited for: it may never go.
bool Actor::Impl::all_gone(const std::vector<sched::InstanceId>& meant) const {
  return std::ranges::all_of(meant, [this](sched::InstanceId id) {
    const auto it = running.find(id);
    return it == running.end() || it->second->stuck;
  });
}

}  // namespace llama_swap::swap
