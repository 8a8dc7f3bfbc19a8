#include "server/resolve.h"

#include <algorithm>
#include <utility>

#include "server/forward.h"

namespace llama_swap::server {
namespace {

Candidate::State state_of(swap::State state) {
  switch (state) {
    case swap::State::stopped:
      return Candidate::State::stopped;
    case swap::State::starting:
      return Candidate::State::starting;
    case swap::State::ready:
      return Candidate::State::ready;
    case swap::State::stopping:
      break;
  }
  return Candidate::State::stopping;
}

// What a target is counted under, whichever of its names is configured.
std::string key_of(const Target& target) {
  return target.local ? target.local->id : target.peer->peer->id + "/" + target.peer->model;
}

}  // namespace

ResolvedName resolve_name(const config::Config& config, const config::Profile* profile,
                          std::string requested) {
  ResolvedName name;
  name.pinned = requested;
  if (profile)
    for (const auto& [pin, target] : profile->pins)
      if (pin == requested) name.pinned = target;
  if (config.selectors.contains(name.pinned)) name.selector = name.pinned;
  name.target = name.pinned;
  name.requested = std::move(requested);
  return name;
}

Selection::Selection(Call& call, const config::Selector& selector)
    : call_(call), selector_(selector), tried_(selector.targets.size()) {
  const Directory& directory = call.site->directory();
  for (std::size_t i = 0; i < tried_.size(); ++i)
    tried_[i] = !directory.find(selector.targets[i], call.caller);
}

bool Selection::is_visible() const {
  // A pin has one target, whatever the list says.
  const auto end = selector_.strategy == config::Strategy::pin && !tried_.empty()
                       ? tried_.begin() + 1
                       : tried_.end();
  return std::find(tried_.begin(), end, false) != end;
}

Candidate Selection::candidate(std::size_t index) const {
  const Core& core = call_.core;
  const Target target = call_.site->directory().find(selector_.targets[index]);
  const util::Time now = util::Clock::now();
  Candidate out;
  out.tried = tried_[index];
  out.running = core.selectors.running(selector_.id, key_of(target));
  if (target.peer) {
    out.state = Candidate::State::peer;
    out.shunned = core.peers.failed_lately(target.peer->peer->id, selector_.retry_after, now);
  } else {
    out.state = state_of(core.deps.actor.state(target.local->id));
    out.shunned = out.state != Candidate::State::ready &&
                  core.starts.failed_lately(target.local->id, selector_.retry_after, now);
  }
  return out;
}

util::Result<std::string> Selection::next() {
  reservation_.release();
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < selector_.targets.size(); ++i) candidates.push_back(candidate(i));
  SelectorTable& table = call_.core.selectors;
  const auto choice = choose(selector_, candidates, table.turn(selector_.id));
  if (!choice) return tl::unexpected(choice.error());
  tried_[choice->target] = true;
  const std::string& name = selector_.targets[choice->target];
  const Target target = call_.site->directory().find(name);
  reservation_ = table.reserve(selector_.id, key_of(target), choice->took_turn);
  if (target.local && target.local->ignore_websockets && is_websocket(call_.exchange.request()))
    reservation_.release();
  return name;
}

}  // namespace llama_swap::server
