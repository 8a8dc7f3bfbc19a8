#include "server/loading_text.h"

#include <fmt/format.h>

#include "util/text.h"

namespace llama_swap::server {
namespace {

constexpr std::string_view kRule = "━━━━━";
constexpr int kTicksPerReport = 8;

double seconds(util::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

std::string reason_text(const swap::Wait& wait) {
  const std::string others = util::join(wait.blockers, ", ");
  if (wait.reason == "load" || others.empty()) return "";
  if (wait.reason == "stop") return "Making room: stopping " + others;
  if (wait.reason == "residency") return "Waiting: " + others + " was loaded only just now";
  return "Waiting for " + others + " to finish";
}

bool is_early(const swap::Wait& wait, util::Time now) {
  return wait.expected_at && *wait.expected_at > now;
}

}  // namespace

std::string LoadingText::begin() const {
  return fmt::format("{}\nllama-swap loading model: {}\n", kRule, model_);
}

std::string LoadingText::update(const swap::Wait& wait, util::Time now) {
  std::string text;
  if (wait.position != position_) {
    position_ = wait.position;
    if (position_ > 0) text += fmt::format("\nQueue position: #{} ", position_);
  }
  if (wait.reason != reason_ || wait.blockers != blockers_) {
    reason_ = wait.reason;
    blockers_ = wait.blockers;
    const std::string reason = reason_text(wait);
    if (!reason.empty()) text += "\n" + reason + " ";
  }
  if (!estimated_ && wait.reason == "load" && is_early(wait, now)) {
    estimated_ = true;
    text += fmt::format("\nUsually ready in {:.0f}s ", seconds(*wait.expected_at - now));
  }
  return text;
}

std::string LoadingText::tick(const swap::Wait& wait, util::Time now) {
  if (++ticks_ % kTicksPerReport != 0) return ".";
  const double elapsed = seconds(now - began_);
  if (!is_early(wait, now)) return fmt::format(" {:.0f}s ", elapsed);
  return fmt::format(" {:.0f}s, about {:.0f}s to go ", elapsed, seconds(*wait.expected_at - now));
}

std::string LoadingText::end(util::Time now) const {
  return fmt::format("\nDone! ({:.2f}s)\n{}\n \n", seconds(now - began_), kRule);
}

}  // namespace llama_swap::server
