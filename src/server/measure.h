// How a request spends its time, and what is counted of it for Prometheus
// (observe/model_metrics.h), gathered on its way, whether it is recorded or not. I/O thread only.
#pragma once

#include <chrono>
#include <optional>

#include "observe/model_metrics.h"
#include "server/directory.h"
#include "server/site.h"
#include "util/time.h"

namespace llama_swap::server {

class RequestTrace;

class Measure {
 public:
  enum class Stage { queued, loading, asking, answering, other };

  void asks(std::size_t endpoint) { facts_.endpoint = endpoint; }
  // Whom it is passed on to; of several the last counts. `target` is of that site and not empty.
  void goes_to(SitePtr site, const Target& target);
  // Stages are told to it, too. Null: no more. Must outlive the last of them.
  void tell(RequestTrace* trace) { trace_ = trace; }
  // What it does now: time counts for the last stage named.
  void enter(Stage stage);
  // The head of the upstream's answer: the stage `answering` begins.
  void answered();

  // The id of the model or peer; "": there is none.
  std::string_view model() const { return facts_.model; }
  // The times so far, but `duration`.
  const observe::RequestFacts& facts() const { return facts_; }
  // When it was last sent on; nothing: it was not.
  const std::optional<util::Time>& asked() const { return asked_; }

  // Once, when the request is over. `status`: as its client sees it.
  void count(observe::ModelMetrics& metrics, int status, std::chrono::nanoseconds duration);

 private:
  observe::RequestFacts facts_;
  SitePtr site_;  // holds the name of the model
  RequestTrace* trace_ = nullptr;
  Stage stage_ = Stage::other;
  util::Time entered_;  // stage_
  std::optional<util::Time> asked_;
};

}  // namespace llama_swap::server
