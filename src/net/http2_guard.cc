#include "net/http2_guard.h"

#include <algorithm>

namespace llama_swap::net {

bool TokenBucket::take(util::Time now, double tokens) {
  if (at_ != util::Time{}) give(std::chrono::duration<double>(now - at_).count() * per_second_);
  at_ = now;
  if (tokens_ < tokens) return false;
  tokens_ -= tokens;
  return true;
}

void TokenBucket::give(double tokens) {
  tokens_ = std::min(capacity_, tokens_ + tokens);
}

void Http2Guard::request_began() {
  // Browsers set the priority of each request, and change it as the page loads.
  idle_frames_.give(5);
  window_updates_.give(5);
}

}  // namespace llama_swap::net
