#include "server/reachability.h"

#include <utility>

namespace llama_swap::server {

bool Reachability::failed(const std::string& name, std::string why, util::Time now) {
  const auto [known, is_new] = failures_.try_emplace(name, Failure{now, now, ""});
  known->second.last = now;
  known->second.why = std::move(why);
  return is_new;
}

void Reachability::trying(std::string_view name, util::Time now) {
  const auto known = failures_.find(name);
  if (known != failures_.end()) known->second.last = now;
}

bool Reachability::reached(std::string_view name) {
  const auto known = failures_.find(name);
  if (known == failures_.end()) return false;
  failures_.erase(known);
  return true;
}

const Reachability::Failure* Reachability::failure(std::string_view name) const {
  const auto known = failures_.find(name);
  return known == failures_.end() ? nullptr : &known->second;
}

bool Reachability::failed_lately(std::string_view name, std::chrono::milliseconds pause,
                                 util::Time now) const {
  const Failure* known = failure(name);
  return known && now - known->last < pause;
}

void Reachability::forget(std::string_view name) {
  reached(name);
}

}  // namespace llama_swap::server
