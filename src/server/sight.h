// Who sees what of the daemon's displays (events, logs, activity, metrics): a key that opens only
// some models sees what concerns them, and neither the names of others nor what concerns the daemon
// as a whole (docs/security.md).
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "server/directory.h"
#include "server/keys.h"

namespace llama_swap::server {

// Caller and directory belong to one configuration, which must outlive it.
struct Sight {
  const Caller& caller;
  const Directory& directory;

  bool all() const { return caller.may_use_all(); }
  // `model`: a real id, or what a request called a model of a peer. What it names counts, not how
  // it reads: a peer's bare name may match a pattern that the full name does not. Of a name that
  // nobody has (any more) there is nothing but the text.
  bool sees(std::string_view model) const {
    if (directory.find(model)) return static_cast<bool>(directory.find(model, caller));
    return caller.may_use(model);
  }
  // For what is told of all models of a peer as one.
  bool sees_all_of(const config::Peer& peer) const {
    return !peer.models.empty() && std::ranges::all_of(peer.models, [&](const std::string& model) {
      return caller.may_use(peer.id + "/" + model);
    });
  }
};

}  // namespace llama_swap::server
