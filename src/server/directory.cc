#include "server/directory.h"

#include <set>

#include "util/text.h"

namespace llama_swap::server {

Directory::Directory(const config::Config& config) : config_(config) {
  std::map<std::string, PeerModel> bare;
  std::set<std::string> ambiguous;
  for (const auto& [id, peer] : config.peers) {
    for (const std::string& model : peer.models) {
      peers_.emplace(id + "/" + model, PeerModel{&peer, model});
      const auto [known, added] = bare.emplace(model, PeerModel{&peer, model});
      if (!added && known->second.peer != &peer) ambiguous.insert(model);
    }
  }
  // A bare name that reads like a full name means the full name: emplace() leaves that one alone.
  for (auto& [name, target] : bare)
    if (!ambiguous.contains(name)) peers_.emplace(name, std::move(target));
}

Target Directory::find(std::string_view name, const Caller& caller) const {
  if (const config::Model* model = config_.find_model(name))
    return {caller.may_use(model->id) ? model : nullptr, nullptr};
  const auto found = peers_.find(name);
  if (found == peers_.end()) return {};
  const PeerModel& known = found->second;
  return {nullptr, caller.may_use(known.peer->id + "/" + known.model) ? &known : nullptr};
}

std::optional<Directory::PathMatch> Directory::find_prefix(std::string_view escaped,
                                                           const Caller& caller) const {
  std::optional<PathMatch> best;
  std::string name;  // the segments up to here, decoded and joined
  std::size_t at = 0;
  while (at <= escaped.size()) {
    // A segment ends at a slash, written plainly or as %2F.
    std::size_t end = at;
    while (end < escaped.size() && escaped[end] != '/' &&
           !util::iequals(escaped.substr(end, 3), "%2f"))
      ++end;
    if (end > at) {
      if (!name.empty()) name += '/';
      name += util::percent_decode(escaped.substr(at, end - at));
      if (const Target target = find(name, caller))
        best = PathMatch{target, name, std::string(escaped.substr(end)), false};
    }
    if (end == escaped.size()) break;
    at = end + (escaped[end] == '/' ? 1 : 3);
  }
  if (!best) return best;
  best->whole = best->rest.empty();
  if (best->rest.empty()) best->rest = "/";
  if (best->rest[0] == '%') best->rest.replace(0, 3, "/");
  return best;
}

}  // namespace llama_swap::server
