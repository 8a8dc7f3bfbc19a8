#include "server/event_feed.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "config/diff.h"
#include "server/context.h"
#include "server/event_state.h"
#include "server/models_list.h"
#include "util/timestamp.h"

namespace llama_swap::server {
namespace {

constexpr std::array<std::string_view, 7> kWhat{"started",  "ready", "failed", "exited",
                                                "stopping", "stuck", "gone"};

Audience of(const std::string& model) {
  return {Audience::model, model};
}

Json store_json(const store::StoreHealth& health) {
  Json out{{"writing", health.writing}, {"dropped", health.dropped}, {"waiting", health.waiting}};
  if (!health.fault.empty()) out["fault"] = health.fault;
  return out;
}

// The parts that make news; how many wait changes all the time.
bool same(const store::StoreHealth& a, const store::StoreHealth& b) {
  return std::tie(a.fault, a.dropped) == std::tie(b.fault, b.dropped);
}

}  // namespace

EventFeed::EventFeed(Core& core)
    : core_(core),
      queue_due_(core.deps.wheel, [this] { tell_queue(); }),
      look_due_(core.deps.wheel, [this] { look_at_store(); }) {
  core_.hub.on_wanted([this] { begin(); });
}

// ---- models and their instances

void EventFeed::tell(const swap::News& news) {
  if (const auto* instance = std::get_if<swap::InstanceNews>(&news)) note_health(*instance);
  if (!core_.hub.wanted()) return;
  std::visit([this](const auto& one) { tell(one); }, news);
}

void EventFeed::tell(const swap::StateChange& news) {
  core_.hub.publish(Topic::models, of(news.model),
                    {{"operation", "state"},
                     {"model", news.model},
                     {"before", swap::state_text(news.before)},
                     {"state", swap::state_text(news.now)},
                     {"reason", news.reason}});
}

void EventFeed::tell(const swap::SwapBegan& news) {
  const Json reduced{{"operation", "begun"}, {"model", news.model}, {"reason", news.reason}};
  Json full = reduced;
  full["displaces"] = news.displaced;
  core_.hub.publish(Topic::swaps, of(news.model), std::move(full), reduced);
}

void EventFeed::tell(const swap::SwapEnded& news) {
  core_.hub.publish(Topic::swaps, of(news.model),
                    {{"operation", "ended"},
                     {"model", news.model},
                     {"outcome", news.outcome},
                     {"duration_ms", news.duration.count()}});
}

void EventFeed::tell(const swap::InstanceNews& news) {
  using What = swap::InstanceNews::What;
  Json out{{"operation", kWhat.at(static_cast<std::size_t>(news.what))},
           {"model", news.model},
           {"serial", news.instance}};
  if (news.pid > 0) out["pid"] = news.pid;
  out["reason"] = news.reason;
  if (news.what == What::ready) {
    out["load_ms"] = news.duration.count();
  } else if (news.what != What::started) {
    out["age_ms"] = news.duration.count();
  }
  if (news.what == What::failed) out["why"] = news.text;
  if (news.what == What::exited) out["how"] = news.text;
  core_.hub.publish(Topic::instances, of(news.model), std::move(out));
}

void EventFeed::note_health(const swap::InstanceNews& news) {
  using What = swap::InstanceNews::What;
  const auto publish = [&](const char* operation, Json more) {
    Json out{{"operation", operation}, {"model", news.model}, {"serial", news.instance}};
    out.update(more);
    core_.hub.publish(Topic::health, of(news.model), std::move(out));
  };
  if (news.what == What::failed) {
    failed_starts_[news.model] = {news.text, util::Clock::now()};
    publish("start_failed", {{"why", news.text}});
  } else if (news.what == What::ready && failed_starts_.erase(news.model) > 0) {
    publish("start_works", Json::object());
  } else if (news.what == What::stuck) {
    stuck_[news.instance] = {news.model, util::Clock::now()};
    publish("stuck", Json::object());
  } else if (news.what == What::gone && stuck_.erase(news.instance) > 0) {
    publish("stuck_gone", Json::object());
  }
}

void EventFeed::models_changed() {
  if (!core_.hub.wanted()) return;
  const Caller anybody;
  core_.hub.publish(
      Topic::models, {Audience::divided},
      {{"operation", "list"}, {"models", models({anybody, core_.site->directory()})}});
}

// ---- the queue

void EventFeed::queue_changed() {
  if (core_.hub.wanted() && !queue_due_.is_set()) queue_due_.set(util::Clock::now());
}

void EventFeed::tell_queue() {
  queue_due_.clear();
  if (!core_.hub.wanted()) return;
  std::vector<swap::Waiter> now = core_.deps.actor.queue();
  std::map<std::uint64_t, swap::Waiter> before = std::exchange(told_queue_, {});
  std::vector<const swap::Waiter*> changed;
  for (const swap::Waiter& waiter : now) {
    const auto known = before.find(waiter.number);
    if (known == before.end() || known->second != waiter) changed.push_back(&waiter);
    if (known != before.end()) before.erase(known);
  }
  const std::size_t length = now.size();
  if (changed.size() + before.size() > kMaxChanges) {
    const Caller anybody;
    Json list = queue({anybody, core_.site->directory()});
    list["operation"] = "list";
    core_.hub.publish(Topic::queue, {Audience::divided}, std::move(list));
  } else {
    for (const auto& [number, waiter] : before) {
      const Json reduced{{"operation", "remove"}, {"id", std::to_string(number)}};
      Json full = reduced;
      full["length"] = length;
      core_.hub.publish(Topic::queue, of(waiter.model), std::move(full), reduced);
    }
    for (const swap::Waiter* waiter : changed)
      core_.hub.publish(
          Topic::queue, of(waiter->model),
          {{"operation", "upsert"}, {"request", waiter_json(*waiter, false)}, {"length", length}},
          Json{{"operation", "upsert"}, {"request", waiter_json(*waiter, true)}});
  }
  for (swap::Waiter& waiter : now) told_queue_.emplace(waiter.number, std::move(waiter));
}

Json EventFeed::queue(const Sight& sight) const {
  Json requests = Json::array();
  for (const swap::Waiter& waiter : core_.deps.actor.queue())
    if (sight.all() || sight.sees(waiter.model))
      requests.push_back(waiter_json(waiter, !sight.all()));
  return {{"length", requests.size()}, {"requests", std::move(requests)}};
}

// ---- everything else

// What changed while nobody looked is not news.
void EventFeed::begin() {
  told_queue_.clear();
  for (swap::Waiter& waiter : core_.deps.actor.queue())
    told_queue_.emplace(waiter.number, std::move(waiter));
  if (core_.activity) told_store_ = core_.activity->health();
  look_due_.set(util::Clock::now() + kLook);
}

void EventFeed::look_at_store() {
  if (!core_.hub.wanted()) return;
  look_due_.set(util::Clock::now() + kLook);
  if (!core_.activity) return;
  const store::StoreHealth before = std::exchange(told_store_, core_.activity->health());
  if (same(before, told_store_)) return;
  Json out{{"operation", "activity"}};
  out.update(store_json(told_store_));
  core_.hub.publish(Topic::health, {Audience::all_models}, std::move(out));
}

void EventFeed::profile_changed() {
  if (!core_.hub.wanted()) return;
  Json active;
  if (!core_.active_profile.empty()) active = core_.active_profile;
  core_.hub.publish(Topic::profile, {}, {{"operation", "active"}, {"active", std::move(active)}});
}

void EventFeed::reloaded(const config::Config& before, const config::Config& after) {
  refused_.clear();
  loaded_at_ = std::chrono::system_clock::now();
  std::erase_if(failed_starts_,
                [&](const auto& failure) { return !after.models.contains(failure.first); });
  if (!core_.hub.wanted()) return;
  Json out{{"operation", "reloaded"}};
  for (const char* list : {"added", "removed", "changed", "restarted", "unchanged"})
    out[list] = Json::array();
  for (const auto& [model, change] : config::diff(before, after).models) {
    if (change == config::Change::added) out["added"].push_back(model);
    if (change == config::Change::removed) out["removed"].push_back(model);
    if (change == config::Change::policy) out["changed"].push_back(model);
    if (change == config::Change::launch) out["restarted"].push_back(model);
    if (change == config::Change::unchanged) out["unchanged"].push_back(model);
  }
  core_.hub.publish(Topic::config, {Audience::divided}, std::move(out));
  models_changed();
}

void EventFeed::reload_refused(const std::string& problems) {
  refused_ = problems;
  core_.hub.publish(Topic::config, {Audience::all_models},
                    {{"operation", "refused"}, {"problems", problems}});
}

void EventFeed::peer_unreachable(const std::string& id) {
  if (!core_.hub.wanted()) return;
  const Reachability::Failure* failure = core_.peers.failure(id);
  core_.hub.publish(
      Topic::health, {Audience::all_models},
      {{"operation", "peer_unreachable"}, {"peer", id}, {"why", failure ? failure->why : ""}});
}

void EventFeed::peer_reached(const std::string& id) {
  if (!core_.hub.wanted()) return;
  core_.hub.publish(Topic::health, {Audience::all_models},
                    {{"operation", "peer_reached"}, {"peer", id}});
}

void EventFeed::activity_stored(std::span<const store::Activity> rows) {
  if (!core_.hub.wanted()) return;
  for (const store::Activity& row : rows)
    core_.hub.publish(Topic::activity, of(row.model),
                      {{"operation", "stored"},
                       {"id", row.id},
                       {"model", row.model},
                       {"status", row.status},
                       {"duration_ms", row.duration.count()}});
}

// ---- what there is

Json EventFeed::models(const Sight& sight) const {
  const auto state_of = [this](const std::string& id) { return core_.deps.actor.state(id); };
  std::map<std::string, swap::ModelStatus> known;
  for (swap::ModelStatus& status : core_.deps.actor.status())
    known.emplace(status.id, std::move(status));
  Json out = Json::array();
  for (Json& model : model_status(core_.site->config(), state_of)) {
    const std::string id = model["id"];
    if (!sight.all() && !sight.sees(id)) continue;
    const auto status = known.find(id);
    if (model["peerID"] == "" && status != known.end()) {
      if (!status->second.reason.empty()) model["reason"] = status->second.reason;
      model["in_flight"] = status->second.in_flight;
      model["waiting"] = status->second.waiting;
    }
    out.push_back(std::move(model));
  }
  return out;
}

Json EventFeed::health(const Sight& sight) const {
  Json failed = Json::array(), stuck = Json::array();
  for (const auto& [model, failure] : failed_starts_)
    if (sight.all() || sight.sees(model))
      failed.push_back({{"model", model}, {"why", failure.why}, {"since", wall_time(failure.at)}});
  for (const auto& [serial, one] : stuck_)
    if (sight.all() || sight.sees(one.model))
      stuck.push_back({{"model", one.model}, {"serial", serial}, {"since", wall_time(one.since)}});
  Json out{{"failed_starts", std::move(failed)}, {"stuck", std::move(stuck)}};
  if (!sight.all()) return out;
  Json peers = Json::array();
  for (const auto& [id, peer] : core_.site->config().peers)
    if (const Reachability::Failure* failure = core_.peers.failure(id))
      peers.push_back({{"peer", id}, {"why", failure->why}, {"since", wall_time(failure->since)}});
  out["peers_unreachable"] = std::move(peers);
  if (core_.activity) out["activity"] = store_json(core_.activity->health());
  return out;
}

Json EventFeed::configuration(const Sight& sight) const {
  Json names = Json::array();
  for (const auto& [id, model] : core_.site->config().models)
    if (sight.all() || sight.sees(id)) names.push_back(id);
  Json out{{"loaded_at", util::rfc3339(loaded_at_)}, {"models", std::move(names)}};
  if (sight.all() && !refused_.empty()) out["problems"] = refused_;
  return out;
}

Json EventFeed::snapshot(Topics topics, const Sight& sight) {
  if (topics.has(Topic::queue)) tell_queue();
  Json out{{"event", core_.hub.ring().id_before(core_.hub.ring().next())},
           {"at", util::rfc3339(std::chrono::system_clock::now())}};
  if (topics.has(Topic::models)) out["models"] = models(sight);
  if (topics.has(Topic::queue)) out["queue"] = queue(sight);
  if (topics.has(Topic::swaps)) {
    out["swaps"] = Json::array();
    for (const swap::SwapStatus& swap : core_.deps.actor.swaps())
      if (sight.all() || sight.sees(swap.model))
        out["swaps"].push_back(swap_json(swap, !sight.all()));
  }
  if (topics.has(Topic::instances)) {
    out["instances"] = Json::array();
    for (const swap::InstanceStatus& instance : core_.deps.actor.instances())
      if (sight.all() || sight.sees(instance.model))
        out["instances"].push_back(instance_json(instance));
  }
  if (topics.has(Topic::health)) out["health"] = health(sight);
  if (topics.has(Topic::inflight))
    out["inflight"] = core_.inflight.list(sight.all() ? nullptr : &sight);
  if (topics.has(Topic::activity)) {
    out["activity"] = Json::object();
    if (sight.all() && core_.activity) out["activity"]["stored"] = core_.activity->health().stored;
  }
  if (topics.has(Topic::config)) out["config"] = configuration(sight);
  if (topics.has(Topic::profile)) {
    Json active;
    if (!core_.active_profile.empty()) active = core_.active_profile;
    out["profile"] = {{"active", std::move(active)}};
  }
  return out;
}

}  // namespace llama_swap::server
