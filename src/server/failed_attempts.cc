#include "server/failed_attempts.h"

#include <algorithm>

#include "util/ip.h"

namespace llama_swap::server {
namespace {

// What counts as one client.
std::string client_of(std::string_view address) {
  const auto ip = util::parse_ip(address);
  const bool is_v6 = ip && address.find('.') == std::string_view::npos;
  if (!is_v6) return std::string(address);
  return {ip->begin(), ip->begin() + 8};
}

}  // namespace

std::chrono::milliseconds FailedAttempts::locked_for(std::string_view address,
                                                     util::Time now) const {
  if (known_.empty()) return std::chrono::milliseconds(0);
  const auto found = known_.find(client_of(address));
  if (found == known_.end() || found->second->locked_until <= now)
    return std::chrono::milliseconds(0);
  return std::chrono::ceil<std::chrono::milliseconds>(found->second->locked_until - now);
}

FailedAttempts::Outcome FailedAttempts::record(std::string_view address, const util::Sha256& key,
                                               util::Time now) {
  std::string client = client_of(address);
  const auto found = known_.find(client);
  if (found != known_.end()) {
    by_age_.splice(by_age_.begin(), by_age_, found->second);
  } else {
    if (by_age_.size() == kMaxAddresses) {
      known_.erase(by_age_.back().address);
      by_age_.pop_back();
    }
    by_age_.push_front({client});
    known_.emplace(std::move(client), by_age_.begin());
  }
  Record& record = by_age_.front();
  const bool forgotten = now - record.last >= kForgotten;
  if (!forgotten && record.count > 0 && record.key == key) return {};
  if (forgotten) record.count = 0;
  record.last = now;
  record.key = key;
  record.count = std::min(record.count + 1, 1000);
  if (record.count <= kFree) return {std::chrono::milliseconds(0), record.count == 1};
  const int doublings = std::min(record.count - kFree - 1, 10);
  const std::chrono::milliseconds lock = std::min(kFirst * (1 << doublings), kLongest);
  record.locked_until = now + lock;
  return {lock, true};
}

}  // namespace llama_swap::server
