#include "server/measure.h"

#include <utility>

#include "server/request_trace.h"

namespace llama_swap::server {
namespace {

// What a trace calls it; "": nothing.
std::string_view name_of(Measure::Stage stage) {
  switch (stage) {
    case Measure::Stage::queued:
      return "queue";
    case Measure::Stage::loading:
      return "load";
    case Measure::Stage::asking:
      return "first_byte";
    case Measure::Stage::answering:
      return "stream";
    case Measure::Stage::other:
      break;
  }
  return "";
}

}  // namespace

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
  if (const std::string_view name = name_of(stage_); trace_ && !name.empty())
    trace_->phase(name, entered_, now);
  stage_ = stage;
  entered_ = now;
  if (stage == Stage::asking) asked_ = now;
}

void Measure::answered() {
  enter(Stage::answering);
  facts_.first_byte = entered_ - asked_.value_or(entered_);
}

void Measure::count(observe::ModelMetrics& metrics, int status, std::chrono::nanoseconds duration) {
  enter(Stage::other);
  facts_.status = status;
  facts_.duration = duration;
  metrics.count(facts_);
}

}  // namespace llama_swap::server
