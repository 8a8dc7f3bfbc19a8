// What a name in a request can mean.
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"

namespace llama_swap::config {

// A local model, or a model of a peer, or neither. Points into the Config.
struct Resolved {
  const Model* model = nullptr;
  const Peer* peer = nullptr;
  std::string peer_model;  // the name the peer knows it by

  explicit operator bool() const { return model || peer; }
  bool operator==(const Resolved&) const = default;
};

// In this order (5.3): local id, local alias, "peer/model", a model name that exactly one peer
// offers. Selectors and pins are not looked at: they come before.
Resolved resolve(const Config& config, std::string_view name);

}  // namespace llama_swap::config
