// What Prometheus is told beside the original's families: of requests, models, queue and program.
#pragma once

#include <string>

#include "server/context.h"
#include "swap/news.h"

namespace llama_swap::server {

// Families of http-api 23.2 are not among them. As of now; some microseconds for each model. Who
// sees some models only gets their series, and of the program no more than which one it is.
std::string own_metrics(const Core& core, const Sight& sight);

// What became of a model or an instance, for the families about their lives.
void count(observe::ModelMetrics& metrics, const swap::News& news);

}  // namespace llama_swap::server
