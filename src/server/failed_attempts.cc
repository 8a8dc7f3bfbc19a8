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

std::chrono::milliseconds FailedAttempts::record(std::string_view address, util::Time now) {
  std::string client = client_of(address);
  const auto found = known_.find(client);
  if (found != known_.end()) {
    by_age_.splice(by_age_.begin(), by_age_, found->second);
  } else {
    if (by_age_.size() == kMaxAddresses) {
      known_.erase(by_age_.back().address);
      by_age_.pop_back();
    }
    by_age_.push_front({client, 0, now});
    known_.emplace(std::move(client), by_age_.begin());
  }
  Record& record = by_age_.front();
  if (now - record.last >= kForgotten) record.count = 0;
  record.last = now;
  record.count = std::min(record.count + 1, 1000);
  if (record.count <= kFree) return std::chrono::milliseconds(0);
  const int doublings = std::min(record.count - kFree - 1, 10);
  return std::min(kFirst * (1 << doublings), kLongest);
}

}  // namespace llama_swap::server
