#include "server/context.h"

#include "server/models_list.h"
#include "server/shortened.h"

namespace llama_swap::server {

Core::Core(Deps dependencies, config::ConfigPtr config)
    : deps(std::move(dependencies)),
      site(std::make_shared<const Site>(deps.loop, deps.wheel, std::move(config), nullptr,
                                        deps.host_names)),
      hub(deps.wheel),
      inflight(deps.wheel, deps.events, hub),
      metrics(site->config()),
      captures(std::make_shared<Captures>(deps.loop, deps.worker)),
      feed(*this) {
  inflight.use(site->proxies(), site->redaction());
  captures->use(site->config());
}

void Core::use_activity(std::shared_ptr<store::ActivityStore> store) {
  if (activity && store != activity) captures->forget_all();
  activity = std::move(store);
}

void Core::reconfigure(config::ConfigPtr config) {
  set_active_profile("");
  const SitePtr before = site;
  site = std::make_shared<const Site>(deps.loop, deps.wheel, config, before.get(), deps.host_names);
  inflight.use(site->proxies(), site->redaction());
  captures->use(*config);
  selectors.keep_those_of(*config);
  metrics.keep_those_of(*config);
  starts.forget_all();  // what was wrong may be right now
  for (const auto& [id, peer] : before->config().peers) {
    const auto now = config->peers.find(id);
    if (now != config->peers.end() && now->second.proxy == peer.proxy) continue;
    if (peers.failure(id)) feed.peer_reached(id);
    peers.forget(id);
  }
  deps.log.keep_models_of(*config);
  publish_config();
  feed.reloaded(before->config(), *config);
}

void Core::use_host_names(std::vector<std::string> names) {
  deps.host_names = std::move(names);
  const SitePtr before = site;
  site = std::make_shared<const Site>(deps.loop, deps.wheel, before->shared_config(), before.get(),
                                      deps.host_names);
}

void Core::set_active_profile(const std::string& name) {
  if (name == active_profile) return;
  active_profile = name;
  std::optional<std::string> active;
  if (!name.empty()) active = name;
  deps.events.publish(observe::ProfileChanged{std::move(active)});
  publish_model_status();
  feed.profile_changed();
}

const config::Profile* Core::profile() const {
  const auto found = site->config().profiles.find(active_profile);
  return found == site->config().profiles.end() ? nullptr : &found->second;
}

std::string Core::ui_config_json() const {
  return dump(Json{{"activity", {{"session_id", site->config().session_id_headers}}}});
}

std::string Core::model_status_json(const Sight* sight) const {
  const auto state_of = [this](const std::string& id) { return deps.actor.state(id); };
  Json list = model_status(site->config(), state_of);
  if (!sight) return dump(list);
  Json seen = Json::array();
  for (Json& model : list)
    if (sight->sees(model["id"].get<std::string>())) seen.push_back(std::move(model));
  return dump(seen);
}

void Core::publish_model_status() {
  if (deps.events.has_subscribers()) deps.events.publish(observe::ModelStatus{model_status_json()});
}

void Core::publish_config() {
  deps.events.publish(observe::UiConfig{ui_config_json()});
  publish_model_status();
}

void Call::goes_to(const Recorder::Destination& destination) {
  if (about) about->model = shortened(destination.model);
  if (record) record->goes_to(destination);
}

observe::LogFields Call::log_fields() const {
  if (!about) return {};
  return {about->request_id, about->model, about->key, {}};
}

}  // namespace llama_swap::server
