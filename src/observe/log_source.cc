#include "observe/log_source.h"

#include <fmt/format.h>

#include <utility>

namespace llama_swap::observe {

LogSubscription::LogSubscription(LogSource& source, std::function<void()> wake)
    : wake_(std::move(wake)) {
  source.followers_.push_back(*this);
}

std::string LogSubscription::take() {
  chunks_ = 0;
  return std::exchange(pending_, {});
}

void LogSubscription::add(std::string_view data) {
  // Once something was dropped, so is the rest until the reader comes: one gap, not many.
  const bool full = chunks_ >= kMaxChunks || pending_.size() + data.size() > kMaxBytes;
  if (full || (dropped_ > 0 && !pending_.empty())) {
    dropped_ += data.size();
    return;
  }
  if (dropped_ > 0) pending_ += fmt::format("\n— {} bytes dropped —\n", std::exchange(dropped_, 0));
  pending_ += data;
  if (++chunks_ == 1) wake_();
}

LogSource::~LogSource() {
  for (LogSubscription& follower : followers_) {
    follower.ended_ = true;
    follower.wake_();
  }
  followers_.clear();
}

void LogSource::write(std::string_view data) {
  if (data.empty()) return;
  ring_.write(data);
  for (LogSubscription& follower : followers_) follower.add(data);
}

}  // namespace llama_swap::observe
