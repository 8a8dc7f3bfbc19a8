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

bool Caller::sees_the_same_as(const Caller& other) const {
  if (role() != other.role() || may_use_all() != other.may_use_all()) return false;
  return may_use_all() || key_->models == other.key_->models;
}

KeyRing::KeyRing(const config::Config& config) {
  for (const std::string& key : config.api_keys) keys_.push_back({util::sha256(key), Caller()});
  for (const config::NamedKey& key : config.named_keys) keys_.push_back({key.digest, Caller(key)});
}

std::optional<Caller> KeyRing::identify(std::string_view key) const {
  if (keys_.empty()) return Caller();
  if (key.empty()) return std::nullopt;
  const util::Sha256 shown = util::sha256(key);
  const Known* found = nullptr;
  for (const Known& known : keys_)
    if (util::same_digest(known.digest, shown)) found = &known;
  if (!found) return std::nullopt;
  return found->caller;
}

bool KeyRing::shows_the_same_as(const KeyRing& other) const {
  return std::ranges::equal(keys_, other.keys_, [](const Known& a, const Known& b) {
    return a.digest == b.digest && a.caller.sees_the_same_as(b.caller);
  });
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
