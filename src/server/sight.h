// Who sees what of the daemon's displays (events, logs, activity): a key that opens only some
// models sees what concerns them, and neither the names of others nor what concerns the daemon as a
// whole (docs/security.md).
#pragma once

#include <string_view>

#include "server/directory.h"
#include "server/keys.h"

namespace llama_swap::server {

// Caller and directory belong to one configuration, which must outlive it.
struct Sight {
  const Caller& caller;
  const Directory& directory;

  bool all() const { return caller.may_use_all(); }
  // `model`: a real id, or what a request called a model of a peer.
  bool sees(std::string_view model) const {
    return caller.may_use(model) || static_cast<bool>(directory.find(model, caller));
  }
};

}  // namespace llama_swap::server
