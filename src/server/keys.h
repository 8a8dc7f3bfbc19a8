// Whose key a request shows, and what that key opens (http-api 5, docs/security.md). Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace llama_swap::server {

// Who sends a request, as far as keys tell. Points into the configuration it was found in.
class Caller {
 public:
  // Nobody in particular, who may do everything: no keys are configured, or the key is a plain one.
  Caller() = default;
  explicit Caller(const config::NamedKey& key) : key_(&key) {}

  std::string_view name() const;  // "": nobody in particular
  bool is(config::Role least) const { return role() >= least; }
  // `model`: a real id, or <peer>/<model>.
  bool may_use(std::string_view model) const;
  bool may_use_all() const;
  bool may_swap() const { return !key_ || key_->may_swap; }
  bool key_is_forwarded() const { return !key_; }
  // Role and models are the same, whatever they are called and may cause to stop.
  bool sees_the_same_as(const Caller& other) const;

 private:
  config::Role role() const { return key_ ? key_->role : config::Role::admin; }

  const config::NamedKey* key_ = nullptr;
};

class KeyRing {
 public:
  // `config` must outlive the ring.
  explicit KeyRing(const config::Config& config);

  bool empty() const { return keys_.empty(); }
  // Whose key (api_key.h) this is. Nothing: it is not known; "" never is, if there are keys. Takes
  // the same time whichever key it is and wherever the first difference is.
  std::optional<Caller> identify(std::string_view key) const;
  // The same keys, and each sees the same.
  bool shows_the_same_as(const KeyRing& other) const;

 private:
  struct Known {
    util::Sha256 digest;
    Caller caller;
  };
  std::vector<Known> keys_;
};

// Does `text` match a pattern with * (any characters) and ? (one)?
bool matches_pattern(std::string_view pattern, std::string_view text);

}  // namespace llama_swap::server
