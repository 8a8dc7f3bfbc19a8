// Who serves a name (http-api 7.2, 7.4, 10.1): a model of our own, or a model of a peer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.h"
#include "server/keys.h"

namespace llama_swap::server {

struct PeerModel {
  const config::Peer* peer = nullptr;
  std::string model;  // what the peer calls it
};

// At most one of the two is set. Both point into the Directory's configuration.
struct Target {
  const config::Model* local = nullptr;
  const PeerModel* peer = nullptr;
  explicit operator bool() const { return local || peer; }
};

class Directory {
 public:
  // `config` must outlive the directory.
  explicit Directory(const config::Config& config);

  // Real ids, then aliases, then peers: full names `<peer>/<model>`, then bare names that exactly
  // one peer offers. What the caller may not use is as if it did not exist.
  Target find(std::string_view name, const Caller& caller = {}) const;

  struct PathMatch {
    Target target;
    std::string name;    // as found
    std::string rest;    // the remaining path, still escaped; starts with '/'
    bool whole = false;  // nothing remained, not even a slash
  };
  // The longest name that the beginning of an escaped path ("a/b%2Fc/rest") spells, segment by
  // segment.
  std::optional<PathMatch> find_prefix(std::string_view escaped, const Caller& caller = {}) const;

 private:
  const config::Config& config_;
  std::map<std::string, PeerModel, std::less<>> peers_;  // full and unambiguous bare names
};

}  // namespace llama_swap::server
