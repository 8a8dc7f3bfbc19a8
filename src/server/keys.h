// Whose key a request shows, and what that key opens (http-api 5, docs/security.md). Pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "net/http.h"

namespace llama_swap::server {

// Who sends a request, as far as keys tell. Points into the configuration it was found in.
class Caller {
 public:
  // Nobody in particular, who may do everything: no keys are configured, or the key is a plain one.
  Caller() = default;
  explicit Caller(const config::NamedKey& key) : key_(&key) {}

  std::string_view name() const;  // "": nobody in particular
  bool is(config::Role least) const { return !key_ || key_->role >= least; }
  // `model`: a real id, or <peer>/<model>.
  bool may_use(std::string_view model) const;
  // Are there models that it may not use?
  bool is_restricted() const { return key_ && !key_->models.empty(); }
  bool may_swap() const { return !key_ || key_->may_swap; }
  bool key_is_forwarded() const { return !key_; }

 private:
  const config::NamedKey* key_ = nullptr;
};

class KeyRing {
 public:
  // `config` must outlive the ring.
  explicit KeyRing(const config::Config& config);

  // Nothing: the request shows no key that is known. Takes the same time whichever key it is and
  // wherever the first difference is.
  std::optional<Caller> identify(const net::RequestHead& head) const;

 private:
  struct Known {
    util::Sha256 digest;
    const config::NamedKey* named;  // null: a plain key
  };
  std::vector<Known> keys_;
};

// Does `text` match a pattern with * (any characters) and ? (one)?
bool matches_pattern(std::string_view pattern, std::string_view text);

}  // namespace llama_swap::server
