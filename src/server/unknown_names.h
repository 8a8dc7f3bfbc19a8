// Names of models that nobody has, as they are recorded (http-api 19.2: as requested). Clients
// choose them, and sums are kept by name: so only the first kMax different ones are told apart, and
// the rest share one. Names need not be given back: what a client cannot get has few honest
// spellings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_set>

namespace llama_swap::server {

class UnknownNames {
 public:
  static constexpr std::size_t kMax = 1000;
  static constexpr std::string_view kOthers = "(unknown)";

  // True: it is one of those that are told apart.
  bool remember(const std::string& name) {
    if (names_.contains(name)) return true;
    return names_.size() < kMax && names_.insert(name).second;
  }

 private:
  std::unordered_set<std::string> names_;
};

}  // namespace llama_swap::server
