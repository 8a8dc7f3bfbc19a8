#include "sched/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "sched/matrix_policy.h"

namespace llama_swap::sched::testing {
namespace {

constexpr util::Time kNever = util::Time::max();

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

util::Millis seconds_of(const std::string& text) {
  return util::Millis{std::llround(std::stod(text) * 1000)};
}

}  // namespace

World::~World() {
  for (auto& client : clients_) {
    if (scheduler_) scheduler_->end(client->ticket, now_);
  }
}

std::string World::run(const std::string& line) {
  said_.clear();
  const std::vector<std::string> words = words_of(line);
  if (words.empty() || words[0][0] == '#') return {};
  if (!configure(words)) {
    if (!scheduler_) scheduler_ = std::make_unique<Scheduler>(settings(), *this);
    event(words);
    check();
  }
  return words[0] == "finish" ? "" : said_;
}

// ---- configuration

bool World::configure(const std::vector<std::string>& words) {
  const std::string& verb = words[0];
  if (verb == "model") {
    for (std::size_t i = 1; i < words.size(); ++i) id(words[i]);
  } else if (verb == "group") {
    GroupLine group;
    std::size_t i = 2;
    for (; i < words.size() && words[i] != ":"; ++i) {
      if (words[i] == "noswap") group.swap = false;
      if (words[i] == "shared") group.exclusive = false;
      if (words[i] == "persistent") group.persistent = true;
    }
    for (++i; i < words.size(); ++i) {
      id(words[i]);
      group.members.push_back(words[i]);
    }
    groups_[words[1]] = group;
  } else if (verb == "matrix") {
    std::string& expression = sets_[words[1]];
    expression.clear();
    for (std::size_t i = 3; i < words.size(); ++i) expression += words[i] + " ";
  } else if (verb == "set") {
    ModelSettings& model = models_[id(words[1])];
    for (std::size_t i = 2; i < words.size(); ++i) {
      const auto equals = words[i].find('=');
      const int value = std::stoi(words[i].substr(equals + 1));
      if (words[i].starts_with("ttl")) model.ttl = util::seconds{value};
      if (words[i].starts_with("limit")) model.limit = value;
      if (words[i].starts_with("priority")) model.priority = value;
    }
  } else if (verb == "maxwait") {
    max_wait_.reset();
    if (words[1] == "never") max_wait_ = util::Millis{0};
    if (std::isdigit(static_cast<unsigned char>(words[1][0]))) max_wait_ = seconds_of(words[1]);
  } else if (verb == "minresidency") {
    min_residency_ = seconds_of(words[1]);
  } else if (verb == "drop" || verb == "readd") {
    models_[id(words[1])].configured = verb == "readd";
  } else {
    return false;
  }
  return true;
}

Settings World::settings() {
  auto policy = sets_.empty() ? group_policy() : matrix_policy();
  return {models_, std::move(policy), max_wait_, min_residency_};
}

std::shared_ptr<const Policy> World::matrix_policy() {
  auto sets = matrix::Sets::build({sets_.begin(), sets_.end()},
                                  [this](std::string_view name) { return id(std::string(name)); });
  require(sets.has_value(), "the script has a valid matrix");
  return std::make_shared<MatrixPolicy>(sets ? *std::move(sets) : matrix::Sets(),
                                        MatrixPolicy::Costs());
}

std::shared_ptr<const Policy> World::group_policy() {
  std::vector<Group> groups;
  Group rest;
  std::vector<bool> grouped(names_.size());
  for (const auto& [name, line] : groups_) {
    Group group{line.swap, line.exclusive, line.persistent, {}};
    for (const std::string& member : line.members) {
      grouped[id(member)] = true;
      if (models_[id(member)].configured) group.members.push_back(id(member));
    }
    groups.push_back(std::move(group));
  }
  for (ModelId model = 0; model < names_.size(); ++model) {
    if (!grouped[model] && models_[model].configured) rest.members.push_back(model);
  }
  groups.push_back(std::move(rest));
  return std::make_shared<GroupPolicy>(std::move(groups));
}

ModelId World::id(const std::string& name) {
  const auto it = std::ranges::find(names_, name);
  const auto model = static_cast<ModelId>(it - names_.begin());
  if (it == names_.end()) {
    names_.push_back(name);
    models_.emplace_back();
  }
  return model;
}

Models World::ids(const std::vector<std::string>& words, std::size_t from) {
  Models out;
  for (std::size_t i = from; i < words.size(); ++i) out.push_back(id(words[i]));
  std::ranges::sort(out);
  return out;
}

// ---- events

void World::event(const std::vector<std::string>& words) {
  const std::string& verb = words[0];
  if (verb == "reload") {
    const Models restart = ids(words, 1);
    scheduler_->reconfigure(settings(), restart, now_);
    // What conflicts with what may have changed after others were let in.
    for (auto& client : clients_) client->claim_after = kNoClaim;
  } else if (verb == "+" || verb == "p") {
    arrive(std::stoi(words[1]), words[2], verb == "p");
  } else if (verb == "-") {
    const int name = std::stoi(words[1]);
    for (auto& client : clients_) {
      if (client->name == name) return end(*client);
    }
  } else if (verb == "unload") {
    Models models = ids(words, 1);
    std::erase_if(models, [this](ModelId m) { return m >= scheduler_->settings().models.size(); });
    scheduler_->unload(models, now_);
  } else if (verb == "shutdown") {
    shut_down_ = true;
    scheduler_->shutdown(now_);
  } else if (verb == "wait") {
    pass(seconds_of(words[1]));
  } else if (verb == "finish") {
    finish();
  } else {
    happen(verb, id(words[1]));
  }
}

void World::happen(const std::string& what, ModelId model) {
  if (what == "late") {
    scheduler_->ready(999'999, now_);
    return scheduler_->start_failed(999'999, "late", now_);
  }
  Process* process = newest(model);
  if (!process) return;
  const InstanceId instance = process->id;
  // Of something that is leaving, this is news that comes too late: the scheduler is told, but must
  // not care.
  const bool late = process->state >= Process::leaving;
  if (what == "ready" && (late || process->state == Process::starting)) {
    if (!late) {
      process->state = Process::ready;
      process->ready_since = now_;
    }
    scheduler_->ready(instance, now_);
  } else if (what == "fail" && (late || process->state == Process::starting)) {
    if (!late) process->state = Process::leaving;
    scheduler_->start_failed(instance, "broken", now_);
  } else if (what == "exit" && (late || process->state == Process::ready)) {
    if (!late) process->state = Process::leaving;
    scheduler_->exited(instance, now_);
  } else if (what == "stuck" && process->state == Process::leaving) {
    process->state = Process::stuck;
    scheduler_->stuck(instance, now_);
  } else if (what == "gone") {
    std::erase_if(processes_, [instance](const Process& p) { return p.id == instance; });
    scheduler_->gone(instance, now_);
  }
}

void World::arrive(int name, const std::string& model, bool preload) {
  clients_.push_back(std::make_unique<Client>());
  Client& client = *clients_.back();
  client.name = name;
  client.ticket.model = id(model);
  client.ticket.preload = preload;
  arriving_ = &client;
  scheduler_->arrive(client.ticket, now_);
  arriving_ = nullptr;
  ++arrivals_;
  require(client.ticket.number == arrivals_, "tickets are numbered by arrival");
  report(client);
}

void World::end(Client& client) {
  scheduler_->end(client.ticket, now_);
  scheduler_->end(client.ticket, now_);  // harmless
  std::erase_if(clients_, [&client](const auto& other) { return other.get() == &client; });
}

void World::pass(util::Millis duration) {
  const util::Time until = now_ + duration;
  while (scheduler_->next_deadline() <= until) {
    now_ = std::max(now_, scheduler_->next_deadline());
    scheduler_->tick(now_);
    check();
    require(scheduler_->next_deadline() > now_, "a tick does what was due");
    if (!violation_.empty()) return;
  }
  now_ = until;
}

// ---- effects

void World::swap_begins(ModelId target, const Models&, const Models& displaced, StartReason) {
  require(swaps_.emplace(target, displaced).second, "one swap to a model at a time");
}

void World::swap_ends(ModelId target, SwapEnd) {
  require(swaps_.erase(target) == 1, "only what began ends");
}

void World::start(const Instance& instance) {
  const auto swap = swaps_.find(instance.model);
  require(swap != swaps_.end() && swap->second == instance.displaced,
          "a start belongs to a swap, and names what was said to be displaced");
  for (const Process& process : processes_) {
    require(process.model != instance.model, "G2: one start of a model at a time");
    require(!exclude_each_other(process.model, instance.model),
            "G3: models that exclude each other never run together");
  }
  const bool fits = scheduler_->settings().policy->evictions(instance.model, running()).empty();
  require(sets_.empty() || fits, "G3: what is started fits in with all that runs");
  require(!shut_down_, "nothing is started after shutdown");
  require(settings_of(instance.model).configured, "only configured models are started");
  processes_.push_back({instance.id, instance.model, Process::starting, {}});
  std::string line = "start " + names_[instance.model];
  if (instance.why_started == StartReason::preload) line += " preload";
  say(line);
}

void World::stop(const Instance& instance) {
  int in_flight = 0;
  for (const auto& client : clients_) {
    const Ticket& ticket = client->ticket;
    in_flight +=
        ticket.phase == Ticket::Phase::served && !ticket.preload && ticket.instance == instance.id;
  }
  const StopReason why = instance.why_stopped.value();
  const bool may_break = why == StopReason::unload || why == StopReason::shutdown;
  require(in_flight == 0 || may_break, "G1: nothing but unload and shutdown breaks requests");
  for (Process& process : processes_) {
    if (process.id == instance.id && process.state < Process::leaving) {
      process.state = Process::leaving;
    }
  }
  say(fmt::format("stop {} {}", names_[instance.model], text(why)));
}

void World::changed(Ticket& ticket) {
  require(!arriving_ || &ticket != &arriving_->ticket, "no report on a ticket while it arrives");
  for (auto& client : clients_) {
    if (&client->ticket == &ticket) return report(*client);
  }
  require(false, "no report on a ticket that has ended");
}

void World::report(Client& client) {
  using Phase = Ticket::Phase;
  const Phase phase = client.ticket.phase;
  require(client.reported == Phase::idle || client.reported == Phase::waiting,
          "G4: a ticket that was served or refused stays so");
  require(phase != Phase::idle && phase != Phase::ended, "reports are about living tickets");
  client.reported = phase;
  say(fmt::format("{} {}", client.name, describe(client.ticket)));
  if (phase == Phase::served) check_served(client);
}

std::string World::describe(const Ticket& ticket) const {
  if (ticket.phase == Ticket::Phase::served) return "served";
  if (ticket.phase == Ticket::Phase::refused) {
    return fmt::format("refused {}", text(ticket.refusal));
  }
  std::string out{text(ticket.waiting.why)};
  for (ModelId blocker : ticket.waiting.blockers) out += " " + names_[blocker];
  if (ticket.queued) out += fmt::format(" #{}", ticket.waiting.position);
  return out;
}

void World::say(const std::string& what) {
  if (!said_.empty()) said_ += "; ";
  said_ += what;
}

// ---- promises

void World::require(bool good, std::string_view what) {
  if (!good && violation_.empty()) violation_ = what;
}

void World::check() {
  check_queue();
  check_counts();
  for (auto& client : clients_) {
    const Ticket& ticket = client->ticket;
    require(ticket.phase == client->reported, "every change of phase is reported");
    require(!ticket.changed, "no report is left over");
    if (!ticket.has_claim) client->claim_after = kNoClaim;
    if (ticket.has_claim && client->claim_after == kNoClaim) client->claim_after = arrivals_;
  }
}

void World::check_queue() {
  std::vector<const Ticket*> queue;
  for (auto& client : clients_) {
    if (client->ticket.phase == Ticket::Phase::waiting && client->ticket.queued) {
      queue.push_back(&client->ticket);
    }
  }
  std::ranges::sort(queue, {}, [](const Ticket* t) { return t->waiting.position; });
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const Ticket& ticket = *queue[i];
    require(ticket.waiting.position == static_cast<int>(i) + 1, "positions count from 1");
    const WaitReason why = ticket.waiting.why;
    require(why != WaitReason::load && why != WaitReason::stop, "queued tickets wait for others");
    require(!ticket.waiting.blockers.empty(), "a queued ticket knows what it waits for");
    const bool held = why == WaitReason::stuck || why == WaitReason::residency;
    require(ticket.has_claim == (ticket.overdue && !held), "overdue tickets come next");
    if (max_wait_in_force() && *max_wait_in_force() > util::Millis{0} && !ticket.overdue) {
      require(now_ < ticket.arrived + *max_wait_in_force() || resident_may_stay(ticket.model),
              "G8: tickets become overdue in time");
    }
    if (i == 0) continue;
    const Ticket& before = *queue[i - 1];
    require(before.overdue || !ticket.overdue, "overdue tickets are in front");
    if (before.overdue) continue;
    require(before.priority > ticket.priority ||
                (before.priority == ticket.priority && before.number < ticket.number),
            "the queue is ordered by priority and arrival");
  }
}

void World::check_counts() {
  for (ModelId model = 0; model < scheduler_->settings().models.size(); ++model) {
    int waiting = 0;
    int served = 0;
    for (auto& client : clients_) {
      const Ticket& ticket = client->ticket;
      if (ticket.model != model || ticket.preload) continue;
      waiting += ticket.phase == Ticket::Phase::waiting;
      served += ticket.phase == Ticket::Phase::served;
    }
    require(scheduler_->waiting(model) == waiting && scheduler_->served(model) == served,
            "G5: slots are counted right");
    const bool known = settings_of(model).configured;
    require(known || waiting == 0, "nobody waits for a model that is not configured");
  }
}

// A ticket was served just now: by something that is ready, and not past somebody whose turn it
// was.
void World::check_served(const Client& client) {
  const Ticket& ticket = client.ticket;
  if (ticket.preload) return;  // its model may have to go in the same moment
  const bool ready = std::ranges::any_of(processes_, [&ticket](const Process& p) {
    return p.id == ticket.instance && p.model == ticket.model && p.state == Process::ready;
  });
  require(ready, "tickets are served by ready instances of their model");
  for (const auto& other : clients_) {
    const Ticket& first = other->ticket;
    if (first.phase != Ticket::Phase::waiting || first.model == ticket.model) continue;
    if (!first.has_claim || other->claim_after >= ticket.number) continue;
    Models beside{ticket.model};
    const Instance* own = scheduler_->instance(first.model);
    if (own && own->state == Instance::State::ready && !own->outdated) {
      beside.insert(std::ranges::upper_bound(beside, first.model), first.model);
    }
    const Models displaced = scheduler_->settings().policy->evictions(first.model, beside);
    require(displaced.empty(), "G8: those before an overdue ticket are fixed when it becomes so");
  }
}

bool World::exclude_each_other(ModelId a, ModelId b) const {
  const Policy& policy = *scheduler_->settings().policy;
  return !policy.evictions(a, {b}).empty() && !policy.evictions(b, {a}).empty();
}

Models World::running() const {
  Models out;
  for (const Process& process : processes_) out.push_back(process.model);
  std::ranges::sort(out);
  return out;
}

bool World::resident_may_stay(ModelId target) const {
  Models beside = running();
  for (const auto& client : clients_) {
    const Ticket& ticket = client->ticket;
    const bool in_swap = ticket.phase == Ticket::Phase::waiting && !ticket.queued;
    if (in_swap && !contains(beside, ticket.model)) {
      beside.insert(std::ranges::upper_bound(beside, ticket.model), ticket.model);
    }
  }
  std::erase(beside, target);
  const Models displaced = scheduler_->settings().policy->evictions(target, beside);
  return std::ranges::any_of(processes_, [&](const Process& p) {
    return p.state == Process::ready &&
           p.ready_since + scheduler_->settings().min_residency > now_ &&
           contains(displaced, p.model);
  });
}

const ModelSettings& World::settings_of(ModelId model) const {
  return scheduler_->settings().models[model];
}

std::optional<util::Millis> World::max_wait_in_force() const {
  return scheduler_->settings().max_wait;
}

// ---- the end of a history

// Everything that can go on goes on, until only time or a stuck process could change anything.
void World::calm_down() {
  for (int round = 0; round < 1000 && violation_.empty(); ++round) {
    bool moved = false;
    for (std::size_t i = clients_.size(); i-- > 0;) {
      if (clients_[i]->ticket.phase == Ticket::Phase::waiting) continue;
      end(*clients_[i]);
      moved = true;
    }
    const std::vector<Process> before = processes_;
    for (const Process& process : before) {
      if (process.state == Process::ready || process.state == Process::stuck) continue;
      happen(process.state == Process::starting ? "ready" : "gone", process.model);
      moved = true;
    }
    check();
    if (moved) continue;
    const bool waiting_for_time = std::ranges::any_of(clients_, [](const auto& client) {
      return client->ticket.waiting.why != WaitReason::stuck;
    });
    if (!waiting_for_time || scheduler_->next_deadline() == kNever) return;
    pass(std::chrono::ceil<util::Millis>(scheduler_->next_deadline() - now_));
  }
  require(violation_.size() > 0, "the world comes to rest");
}

void World::finish() {
  calm_down();
  for (auto& client : clients_) {
    require(client->ticket.waiting.why == WaitReason::stuck,
            "G7, G8: only a stuck model can keep a ticket waiting for good");
  }
  for (Process& process : processes_) {
    if (process.state == Process::stuck) process.state = Process::leaving;
  }
  calm_down();
  require(clients_.empty(), "G4: every ticket gets its answer");
  if (!shut_down_ && violation_.empty()) check_slots();
  if (shut_down_) require(processes_.empty(), "nothing is left after shutdown");
}

void World::check_slots() {
  for (ModelId model = 0; model < scheduler_->settings().models.size(); ++model) {
    const ModelSettings& settings = settings_of(model);
    if (!settings.configured) continue;
    for (int i = 0; i <= settings.limit; ++i) {
      arrive(-1, names_[model], false);
      const bool refused = clients_.back()->ticket.phase == Ticket::Phase::refused;
      require(refused == (i == settings.limit), "G5: a quiet model takes as many as its limit");
    }
    calm_down();
  }
}

World::Seen World::look() const {
  Seen seen;
  for (const auto& client : clients_) {
    if (client->ticket.phase == Ticket::Phase::waiting) seen.waiting.push_back(client->name);
    if (client->ticket.phase == Ticket::Phase::served) seen.served.push_back(client->name);
  }
  for (const Process& process : processes_) {
    auto& list = process.state == Process::starting ? seen.starting
                 : process.state == Process::ready  ? seen.ready
                 : process.state == Process::stuck  ? seen.stuck
                                                    : seen.leaving;
    list.push_back(names_[process.model]);
  }
  seen.models = names_;
  seen.shut_down = shut_down_;
  return seen;
}

World::Process* World::newest(ModelId model) {
  for (auto it = processes_.rbegin(); it != processes_.rend(); ++it) {
    if (it->model == model) return &*it;
  }
  return nullptr;
}

}  // namespace llama_swap::sched::testing
