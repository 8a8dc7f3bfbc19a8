#include "server/measure.h"

#include <utility>

namespace llama_swap::server {

void Measure::goes_to(SitePtr site, const Target& target) {
  site_ = std::move(site);
  facts_.model = target.local ? target.local->id : target.peer->peer->id;
}

void Measure::enter(Stage stage) {
  const util::Time now = util::Clock::now();
  const auto add = [spent = now - entered_](std::optional<std::chrono::nanoseconds>& sum) {
    sum = sum.value_or(std::chrono::nanoseconds(0)) + spent;
  };
  if (stage_ == Stage::queued) add(facts_.queue);
  if (stage_ == Stage::loading) add(facts_.load);
  stage_ = stage;
  entered_ = now;
}

void Measure::answered() {
  facts_.first_byte = util::Clock::now() - entered_;
  stage_ = Stage::other;
}

void Measure::count(observe::ModelMetrics& metrics, int status, std::chrono::nanoseconds duration) {
  enter(Stage::other);
  facts_.status = status;
  facts_.duration = duration;
  metrics.count(facts_);
}

}  // namespace llama_swap::server
