#include "server/keys.h"

#include <algorithm>
namespace llama_swap::server {

std::string_view Caller::name() const {
  return key_ ? std::string_view(key_->name) : std::string_view();
}

bool Caller::may_use_all() const {
  return !key_ || key_->models.empty();
}

bool Caller::may_use(std::string_view model) const {
  if (may_use_all()) return true;
  return std::ranges::any_of(key_->models, [model](const std::string& pattern) {
    return matches_pattern(pattern, model);
  });
}

KeyRing::KeyRing(const config::Config& config) {
  for (const std::string& key : config.api_keys) keys_.push_back({util::sha256(key), nullptr});
  for (const config::NamedKey& key : config.named_keys) keys_.push_back({key.digest, &key});
}

std::optional<Caller> KeyRing::identify(std::string_view key) const {
  if (keys_.empty()) return Caller();
  if (key.empty()) return std::nullopt;
  const util::Sha256 shown = util::sha256(key);
  const Known* found = nullptr;
  for (const Known& known : keys_)
    if (util::same_digest(known.digest, shown)) found = &known;
  if (!found) return std::nullopt;
  return found->named ? Caller(*found->named) : Caller();
}

bool matches_pattern(std::string_view pattern, std::string_view text) {
  // Only the last star is ever gone back to: what lies before it has been matched for good.
  std::size_t star = std::string_view::npos, from = 0, p = 0, t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace llama_swap::server
