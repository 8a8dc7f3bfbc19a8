// What is counted of one request for Prometheus (observe/model_metrics.h), gathered on its way,
// whether it is recorded or not. I/O thread only.
#pragma once

#include <chrono>
#include <optional>

#include "observe/model_metrics.h"
#include "server/directory.h"
#include "server/recorder.h"
#include "server/site.h"
#include "util/time.h"

namespace llama_swap::server {

class Measure {
 public:
  using Stage = Recorder::Stage;

  void asks(std::size_t endpoint) { facts_.endpoint = endpoint; }
  // Whom it is passed on to; of several the last counts. `target` is of that site and not empty.
  void goes_to(SitePtr site, const Target& target);
  // What it does now: time counts for the last stage named.
  void enter(Stage stage);
  // The head of the upstream's answer.
  void answered();
  // The id of the model or peer; "": there is none.
  std::string_view model() const { return facts_.model; }

  // Once, when the request is over. `status`: as its client sees it.
  void count(observe::ModelMetrics& metrics, int status, std::chrono::nanoseconds duration);

 private:
  observe::RequestFacts facts_;
  SitePtr site_;  // holds the name of the model
  Stage stage_ = Stage::other;
  util::Time entered_;  // stage_
};

}  // namespace llama_swap::server
