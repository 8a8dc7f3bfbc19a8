#include "swap/impl.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <tuple>

#include "util/text.h"

namespace llama_swap::swap {
namespace {

using std::chrono::milliseconds;

net::UpstreamTimeouts upstream_timeouts(const config::Timeouts& timeouts) {
  return {timeouts.connect, timeouts.keepalive, timeouts.response_header, timeouts.tls_handshake,
          timeouts.idle_connection};
}

// Do connections to the one look like those to the other?
bool same_connections(const config::Model& a, const config::Model& b) {
  const auto used = [](const config::Model& m) {
    const config::Timeouts& t = m.timeouts;
    return std::tie(m.ca_file, t.connect, t.keepalive, t.response_header, t.tls_handshake,
                    t.idle_connection);
  };
  return used(a) == used(b);
}

// How a server ended is mostly said by the last of its lines.
std::vector<std::string> last_lines(std::string_view output) {
  constexpr std::size_t kMost = 20;
  std::vector<std::string> lines;
  for (const std::string_view line : util::split(output, '\n'))
    if (const std::string_view text = util::trim(line); !text.empty()) lines.emplace_back(text);
  if (lines.size() > kMost) lines.erase(lines.begin(), lines.end() - kMost);
  return lines;
}

}  // namespace

// ---- one instance

void Running::on_output(std::string_view data) {
  if (starting) {
    output_tail.append(data);
    if (output_tail.size() > 2 * kOutputTail)
      output_tail.erase(0, output_tail.size() - kOutputTail);
  }
  if (actor_.hooks.output) actor_.hooks.output(actor_.table.name(model), data);
}
void Running::on_ready() {
  actor_.on_ready(*this);
}
void Running::on_failed(const util::Error& why) {
  actor_.on_failed(*this, why.message);
}
void Running::on_exited(const std::string& how) {
  actor_.on_exited(*this, how);
}
void Running::on_stuck() {
  actor_.on_stuck(*this);
}
void Running::on_gone() {
  actor_.on_gone(*this);
}

void Running::cut() {
  if (upstream) upstream->close_all();
  for (const auto& former : former_) {
    if (const auto old = former.lock()) old->close_all();
  }
}

void Running::retire() {
  if (upstream) upstream->retire();
  for (const auto& former : former_)
    if (const auto old = former.lock()) old->retire();
}

void Running::renew_upstream(std::shared_ptr<net::Upstream> next) {
  former_.push_back(std::exchange(upstream, std::move(next)));
}

// ---- life of the actor

Actor::Impl::Impl(net::Loop& the_loop, net::TimerWheel& the_wheel, process::Launcher& the_launcher,
                  config::ConfigPtr config, Hooks the_hooks)
    : loop(the_loop),
      wheel(the_wheel),
      launcher(the_launcher),
      hooks(std::move(the_hooks)),
      table(std::move(config)),
      scheduler(table.settings(), *this),
      newest(table.size()),
      shown(table.size(), State::stopped),
      timer(the_loop) {}

Actor::Impl::~Impl() {
  // Admissions that are still held, by coroutines the loop will destroy, have nobody left to tell.
  for (Admission::Ticket& ticket : tickets) ticket.actor = nullptr;
  tickets.clear();
}

// ---- effects

void Actor::Impl::swap_begins(sched::ModelId target, const sched::Models& beside,
                              const sched::Models& displaced, sched::StartReason why) {
  explain_swap(target, beside);
  SwapStatus swap{table.name(target), table.names(displaced), std::string(sched::text(why)),
                  util::Clock::now()};
  std::ranges::sort(swap.displaced);
  to_tell.emplace_back(SwapBegan{swap.model, swap.displaced, swap.reason});
  swaps.insert_or_assign(target, std::move(swap));
}

void Actor::Impl::swap_ends(sched::ModelId target, sched::SwapEnd how) {
  const auto ended = swaps.extract(target);
  const auto lasted = util::Clock::now() - ended.mapped().began;
  to_tell.emplace_back(SwapEnded{ended.mapped().model, std::string(sched::text(how)),
                                 std::chrono::duration_cast<util::Millis>(lasted)});
}

// The words are those of the original: people search their logs for them.
void Actor::Impl::explain_swap(sched::ModelId target, const sched::Models& beside) const {
  const auto why = scheduler.settings().policy->explain(target, beside);
  if (!why) return;
  const std::string& name = table.name(target);
  if (beside.empty()) {
    return log(config::LogLevel::info, name,
               fmt::format("{}: model={} starting (no models running)", router(), name));
  }
  // One line, whatever the expression was written in.
  const std::string expression = util::replace_all(why->expression, "\n", " ");
  const auto names = [this](const sched::Models& models) {
    auto sorted = table.names(models);
    std::ranges::sort(sorted);
    return fmt::format("[{}]", fmt::join(sorted, " "));
  };
  log(why->evicted.empty() ? config::LogLevel::debug : config::LogLevel::info, name,
      fmt::format("{}: model={} set={} dsl=\"{}\" evict={} target={} cost={}{}", router(), name,
                  why->set, expression, names(why->evicted), names(why->combination), why->cost,
                  why->exact ? "" : " (there may be a better one)"));
}

void Actor::Impl::start(const sched::Instance& instance) {
  const process::LaunchSpec spec = process::launch_spec(*table.model(instance.model));
  auto made = std::make_unique<Running>(*this, instance.id, instance.model);
  made->unload_timeout = spec.unload_timeout;
  made->upstream = make_upstream(spec);
  Running& started = *made;
  newest[instance.model] = made.get();
  running.emplace(instance.id, std::move(made));
  const std::string& name = table.name(instance.model);
  log(config::LogLevel::debug, name,
      fmt::format("{}: starting {} reason={} displaced=[{}]", router(), name,
                  sched::text(instance.why_started),
                  fmt::join(table.names(instance.displaced), ",")));
  started.reason = sched::text(instance.why_started);
  set_state(started, State::starting);
  tell(started, InstanceNews::What::started);
  started.process = launcher.launch(spec, started);
}

void Actor::Impl::stop(const sched::Instance& instance) {
  Running& stopped = *running.at(instance.id);
  const config::Model* const configured = table.model(instance.model);
  const std::string& name = table.name(instance.model);
  const sched::StopReason why = instance.why_stopped.value();
  if (why == sched::StopReason::ttl) {
    log(config::LogLevel::info, name,
        fmt::format("<{}> Unloading model, TTL of {}s reached", name, configured->ttl.count()));
  }
  log(config::LogLevel::debug, name,
      fmt::format("{}: stopping {} reason={}", router(), name, sched::text(why)));
  milliseconds grace = configured ? configured->unload_timeout : stopped.unload_timeout;
  if (why == sched::StopReason::shutdown) grace = shutdown_grace;
  // A start that is given up goes from starting to stopped.
  stopped.reason = sched::text(why);
  if (shown[instance.model] == State::ready) set_state(stopped, State::stopping);
  tell(stopped, InstanceNews::What::stopping);
  stopped.process->stop(grace);
  stopped.retire();
  stopped.cut();
}

void Actor::Impl::changed(sched::Ticket& ticket) {
  auto& mine = static_cast<Admission::Ticket&>(ticket);
  fill(mine);
  if (hooks.queue_changed) hooks.queue_changed();
  if (!mine.changed_hook || mine.hook_due) return;
  mine.hook_due = true;
  hooks_due.push_back(mine.shared_from_this());
  if (hooks_due.size() > 1) return;
  boost::asio::post(loop, [this, guard = std::weak_ptr<void>(alive)] {
    if (!guard.expired()) run_hooks();
  });
}

void Actor::Impl::run_hooks() {
  const auto due = std::exchange(hooks_due, {});
  for (const auto& ticket : due) {
    ticket->hook_due = false;
    // A copy, as the hook may be replaced while it runs.
    if (const auto hook = ticket->changed_hook) hook();
  }
}

// ---- events of instances. What was told last comes before what follows from it.

void Actor::Impl::on_ready(Running& ready) {
  const sched::Instance* const instance = scheduler.instance(ready.model);
  const bool expected =
      instance && instance->id == ready.id && instance->state == sched::Instance::State::starting;
  if (!expected) return;  // it is being stopped
  ready.starting = false;
  ready.output_tail = {};
  ready.ready_since = util::Clock::now();
  set_state(ready, State::ready);
  tell(ready, InstanceNews::What::ready);
  scheduler.ready(ready.id, util::Clock::now());
  settle();
}

void Actor::Impl::on_failed(Running& failed, const std::string& message) {
  const sched::Instance* const instance = scheduler.instance(failed.model);
  const bool given_up = instance && instance->id == failed.id && instance->leaving();
  if (!given_up) failed.reason = "start_failed";
  if (!given_up) tell(failed, InstanceNews::What::failed, message);
  if (!given_up && !shutting_down) {
    const std::string& name = table.name(failed.model);
    log(config::LogLevel::warn, name,
        fmt::format("{}: starting {} failed: {}", router(), name, message));
  }
  failed.failure = message;
}

void Actor::Impl::pass_on_failure(Running& failed) {
  const auto failure = std::exchange(failed.failure, std::nullopt);
  if (!failure) return;
  failed_output = last_lines(failed.output_tail);
  scheduler.start_failed(failed.id, *failure, util::Clock::now());
  failed_output.clear();
}

void Actor::Impl::on_exited(Running& exited, const std::string& how) {
  exited.reason = "exited";
  if (shown[exited.model] == State::ready) set_state(exited, State::stopped);
  tell(exited, InstanceNews::What::exited, how);
  exited.cut();
  scheduler.exited(exited.id, util::Clock::now());
  settle();
}

void Actor::Impl::on_stuck(Running& stuck) {
  stuck.stuck = true;
  set_state(stuck, State::stopping);
  tell(stuck, InstanceNews::What::stuck);
  pass_on_failure(stuck);
  scheduler.stuck(stuck.id, util::Clock::now());
  world_changed = true;
  settle();
}

void Actor::Impl::on_gone(Running& gone) {
  const sched::InstanceId id = gone.id;
  set_state(gone, State::stopped);
  tell(gone, InstanceNews::What::gone);
  gone.cut();
  if (newest[gone.model] == &gone) newest[gone.model] = nullptr;
  // The caller is the process of the instance: it must not be destroyed before it returns.
  auto node = running.extract(id);
  boost::asio::post(loop, [kept = std::shared_ptr<Running>(std::move(node.mapped()))] {});
  pass_on_failure(gone);
  scheduler.gone(id, util::Clock::now());
  world_changed = true;
  settle();
}

// ---- requests

Admission Actor::Impl::admit(const std::string& name, bool preload, std::uint64_t tag) {
  auto ticket = std::make_shared<Admission::Ticket>();
  ticket->model = table.find(name);
  ticket->preload = preload;
  ticket->actor = this;
  ticket->tag = tag;
  tickets.push_back(*ticket);
  const util::Time now = util::Clock::now();
  scheduler.arrive(*ticket, now);
  ticket->wait.since = now;
  fill(*ticket);
  if (ticket->phase == sched::Ticket::Phase::waiting && hooks.queue_changed) hooks.queue_changed();
  settle();
  return Admission(std::move(ticket));
}

void Actor::Impl::end(Admission::Ticket& ticket) {
  ticket.unlink();
  if (ticket.phase == sched::Ticket::Phase::waiting && hooks.queue_changed) hooks.queue_changed();
  scheduler.end(ticket, util::Clock::now());
  settle();
}

void Actor::Impl::fill(Admission::Ticket& ticket) {
  using Phase = sched::Ticket::Phase;
  if (ticket.phase == Phase::served) {
    const Running* const by = find(ticket.instance, ticket.model);
    ticket.served = {by ? by->upstream : nullptr, ticket.instance};
  } else if (ticket.phase == Phase::refused) {
    ticket.refused = refusal(ticket);
  } else if (ticket.phase == Phase::waiting) {
    const sched::Waiting& waiting = ticket.waiting;
    ticket.wait.reason = sched::text(waiting.why);
    ticket.wait.blockers = table.names(waiting.blockers);
    ticket.wait.position = waiting.position;
    ticket.wait.expected_at = waiting.expected_at;
  }
}

Refusal Actor::Impl::refusal(const sched::Ticket& ticket) const {
  switch (ticket.refusal) {
    case sched::RefuseReason::unknown_model:
      return {Refusal::unknown_model, "no local server found for requested model"};
    case sched::RefuseReason::too_many:
      return {Refusal::too_many, "Too many requests"};
    case sched::RefuseReason::start_failed:
      return {Refusal::start_failed, "unspecific error: " + ticket.message, failed_output};
    case sched::RefuseReason::unloaded:
      return {Refusal::unloaded, fmt::format("unspecific error: {}: model unloaded", router())};
    case sched::RefuseReason::shutting_down:
      break;
  }
  return {Refusal::shutting_down, fmt::format("unspecific error: {} is shutting down", router())};
}

// ---- configuration

void Actor::Impl::reconfigure(config::ConfigPtr config) {
  const config::ConfigPtr before = table.config();
  table.use(std::move(config));
  newest.resize(table.size());
  shown.resize(table.size(), State::stopped);
  ++preload_round;

  sched::Models restart;
  for (sched::ModelId id = 0; id < table.size(); ++id) {
    const auto old = before->models.find(table.name(id));
    const config::Model* const now = table.model(id);
    if (old == before->models.end() || !now) continue;
    const process::LaunchSpec spec = process::launch_spec(*now);
    if (!(process::launch_spec(old->second) == spec)) {
      restart.push_back(id);
    } else if (newest[id] && !same_connections(old->second, *now)) {
      newest[id]->renew_upstream(make_upstream(spec));
    }
  }
  scheduler.reconfigure(table.settings(), restart, util::Clock::now());
  settle();
}

std::shared_ptr<net::Upstream> Actor::Impl::make_upstream(const process::LaunchSpec& spec) {
  auto url = net::parse_url(spec.proxy);
  if (!url) return nullptr;  // the launcher will say so
  return std::make_shared<net::Upstream>(loop, wheel, *std::move(url),
                                         upstream_timeouts(spec.timeouts), spec.ca_file);
}

// ---- after every event

void Actor::Impl::settle() {
  if (!telling) {
    telling = true;  // a hook may come back with another request; what follows from it is told
                     // here, in order
    while (!to_tell.empty()) {
      const News news = std::move(to_tell.front());
      to_tell.pop_front();
      if (hooks.news) hooks.news(news);
    }
    telling = false;
  }
  if (std::exchange(world_changed, false)) {
    std::erase_if(gates, [](const auto& gate) { return gate.expired(); });
    for (const auto& gate : gates) gate.lock()->cancel();
  }
  arm();
}

void Actor::Impl::arm() {
  const util::Time at = scheduler.next_deadline();
  if (at >= armed) return;  // fires too early at worst, and is set again then
  armed = at;
  timer.expires_at(at);
  timer.async_wait([this, guard = std::weak_ptr<void>(alive)](boost::system::error_code error) {
    if (error || guard.expired()) return;
    armed = util::Time::max();
    scheduler.tick(util::Clock::now());
    settle();
  });
}

void Actor::Impl::set_state(const Running& by, State state) {
  const State before = std::exchange(shown[by.model], state);
  if (before == state) return;
  to_tell.emplace_back(StateChange{table.name(by.model), before, state, std::string(by.reason)});
}

void Actor::Impl::tell(const Running& about, InstanceNews::What what, std::string text) {
  const auto age = util::Clock::now() - about.started;
  to_tell.emplace_back(InstanceNews{
      what, table.name(about.model), about.id, about.process ? about.process->pid() : 0,
      std::string(about.reason), std::move(text), std::chrono::duration_cast<util::Millis>(age)});
}

Running* Actor::Impl::find(sched::InstanceId id, sched::ModelId model) const {
  if (newest[model] && newest[model]->id == id) return newest[model];
  const auto it = running.find(id);
  return it == running.end() ? nullptr : it->second.get();
}

void Actor::Impl::log(config::LogLevel level, const std::string& model, std::string text) const {
  if (hooks.log) hooks.log(level, model, std::move(text));
}

}  // namespace llama_swap::swap
