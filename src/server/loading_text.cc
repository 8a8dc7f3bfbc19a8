#include "server/loading_text.h"

#include <fmt/format.h>

#include "util/text.h"

namespace llama_swap::server {
namespace {

constexpr std::string_view kRule = "━━━━━";

std::string reason_text(const swap::Wait& wait) {
  const std::string others = util::join(wait.blockers, ", ");
  if (wait.reason == "load") {
    if (!wait.expected) return "";
    return fmt::format("Usually ready after {:.0f}s",
                       std::chrono::duration<double>(*wait.expected).count());
  }
  if (others.empty()) return "";
  if (wait.reason == "stop") return "Making room: stopping " + others;
  if (wait.reason == "residency") return "Waiting: " + others + " was loaded only just now";
  return "Waiting for " + others + " to finish";
}

}  // namespace

std::string reasoning_event(std::string_view text) {
  return "data: {\"choices\":[{\"delta\":{\"reasoning_content\":" + util::json_quote(text) +
         "}}]}\n\n";
}

std::string failure_events(std::string_view json) {
  return "data: " + std::string(json) + "\n\ndata: [DONE]\n\n";
}

std::string LoadingText::begin() const {
  return reasoning_event(fmt::format("{}\nllama-swap loading model: {}\n", kRule, model_));
}

std::string LoadingText::update(const swap::Wait& wait) {
  std::string text;
  if (wait.position != position_) {
    position_ = wait.position;
    if (position_ > 0) text += fmt::format("\nQueue position: #{} ", position_);
  }
  std::string reason = reason_text(wait);
  if (reason != reason_) {
    reason_ = std::move(reason);
    if (!reason_.empty()) text += "\n" + reason_ + " ";
  }
  return text.empty() ? "" : reasoning_event(text);
}

std::string LoadingText::tick() const {
  return reasoning_event(".");
}

std::string LoadingText::end(std::chrono::nanoseconds waited) const {
  return reasoning_event(fmt::format("\nDone! ({:.2f}s)\n{}\n \n",
                                     std::chrono::duration<double>(waited).count(), kRule));
}

}  // namespace llama_swap::server
