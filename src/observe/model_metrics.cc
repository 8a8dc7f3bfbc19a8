#include "observe/model_metrics.h"

#include <algorithm>

namespace llama_swap::observe {
namespace {

constexpr std::string_view kNone;  // requests for no model
constexpr std::string_view kOther = "other";
constexpr std::array<std::string_view, 5> kTokenKinds{"input", "cached", "output", "drafted",
                                                      "draft_accepted"};
constexpr std::uint32_t kStatusCodes = 1000;  // three digits

std::uint32_t request_key(std::size_t endpoint, int status) {
  const auto code = static_cast<std::uint32_t>(status);
  return static_cast<std::uint32_t>(endpoint) * kStatusCodes + code % kStatusCodes;
}

}  // namespace

// ---- histograms

void Histogram::observe(std::chrono::nanoseconds value) {
  const double seconds = std::chrono::duration<double>(value).count();
  ++counts_[static_cast<std::size_t>(std::ranges::lower_bound(kBounds, seconds) - kBounds.begin())];
  sum_ += value;
}

std::uint64_t Histogram::count() const {
  std::uint64_t all = 0;
  for (const std::uint64_t n : counts_) all += n;
  return all;
}

void Histogram::write(PrometheusText& text, std::initializer_list<Label> labels) const {
  std::vector<Label> with_bound(labels);
  with_bound.emplace_back();
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    const std::string bound = i < kBounds.size() ? fmt::to_string(kBounds[i]) : "+Inf";
    with_bound.back() = {"le", bound};
    text.sample("_bucket", with_bound, below);
  }
  with_bound.pop_back();
  text.sample("_sum", with_bound, std::chrono::duration<double>(sum_).count());
  text.sample("_count", with_bound, below);
}

// ---- series

void ModelMetrics::keep_those_of(const config::Config& config) {
  std::erase_if(series_, [&config](const auto& entry) {
    const std::string& id = entry.first;
    return id != kNone && id != kOther && !config.models.contains(id) && !config.peers.contains(id);
  });
  for (const std::string_view fixed : {kNone, kOther}) series_.try_emplace(std::string(fixed));
  for (auto& [id, series] : series_) series.local = config.models.contains(id);
  for (const auto& [id, peer] : config.peers) series_.try_emplace(id);
  for (const auto& [id, model] : config.models) series_[id].local = true;
}

std::size_t ModelMetrics::endpoint(std::string_view pattern) {
  const auto known = std::ranges::find(endpoints_, pattern);
  const auto number = static_cast<std::size_t>(known - endpoints_.begin());
  if (known == endpoints_.end()) endpoints_.emplace_back(pattern);
  return number;
}

ModelMetrics::Series& ModelMetrics::of(std::string_view model) {
  auto found = series_.find(model);
  if (found == series_.end()) found = series_.find(kOther);
  return found->second;
}

ModelMetrics::Series* ModelMetrics::local(std::string_view model) {
  const auto found = series_.find(model);
  return found != series_.end() && found->second.local ? &found->second : nullptr;
}

// ---- counting

void ModelMetrics::count(const RequestFacts& request) {
  Series& series = of(request.model);
  ++series.requests[request_key(request.endpoint, request.status)];
  if (request.model.empty()) return;
  series.duration.observe(request.duration);
  if (request.queue) series.queue.observe(*request.queue);
  if (request.load) series.load.observe(*request.load);
  if (request.first_byte) series.first_byte.observe(*request.first_byte);
}

void ModelMetrics::count_tokens(std::string_view model, const TokenCounts& tokens) {
  Series& series = of(model);
  for (std::size_t kind = 0; kind < tokens.size(); ++kind)
    series.tokens[kind] += std::max<std::int64_t>(tokens[kind], 0);
}

void ModelMetrics::started(std::string_view model, std::string_view reason) {
  if (Series* const series = local(model)) ++series->starts[std::string(reason)];
}

void ModelMetrics::displaced_others(std::string_view model, std::string_view reason) {
  if (Series* const series = local(model)) ++series->swaps[std::string(reason)];
}

void ModelMetrics::ready(std::string_view model, std::chrono::nanoseconds after) {
  if (Series* const series = local(model)) series->start_duration.observe(after);
}

void ModelMetrics::start_failed(std::string_view model) {
  if (Series* const series = local(model)) ++series->start_failures;
}

void ModelMetrics::stopped(std::string_view model, std::string_view reason) {
  if (Series* const series = local(model)) ++series->stops[std::string(reason)];
}

void ModelMetrics::crashed(std::string_view model) {
  if (Series* const series = local(model)) ++series->crashes;
}

// ---- telling

void ModelMetrics::write(PrometheusText& text, const Sees& sees) const {
  Shown shown;
  for (const auto& [model, series] : series_)
    if (!sees || sees(model)) shown.emplace_back(model, series);
  write_requests(text, shown);
  write_lives(text, shown);
}

void ModelMetrics::write_requests(PrometheusText& text, const Shown& shown) const {
  text.family("requests_total", "counter",
              "Requests that ended, by model or peer, endpoint and status code.");
  for (const auto& [model, series] : shown) {
    for (const auto& [key, count] : series.requests) {
      const std::string status = fmt::to_string(key % kStatusCodes);
      const std::string_view endpoint = endpoints_[key / kStatusCodes];
      text.sample({{"model", model}, {"endpoint", endpoint}, {"status", status}}, count);
    }
  }
  const auto histogram = [&](std::string_view name, Histogram Series::*member,
                             std::string_view help) {
    text.family(name, "histogram", help);
    for (const auto& [model, series] : shown)
      if ((series.*member).count() > 0) (series.*member).write(text, {{"model", model}});
  };
  histogram("request_queue_seconds", &Series::queue, "How long requests waited for their turn.");
  histogram(
      "request_load_seconds", &Series::load,
      "How long requests waited for their model to become ready, of those that waited for it.");
  histogram("request_first_byte_seconds", &Series::first_byte,
            "From passing a request on to the head of its answer.");
  histogram("request_duration_seconds", &Series::duration,
            "From the head of a request to the end of its answer.");
  text.family("tokens_total", "counter", "Tokens as model servers report them, by kind.");
  for (const auto& [model, series] : shown) {
    if (model.empty()) continue;
    for (std::size_t kind = 0; kind < kTokenKinds.size(); ++kind)
      text.sample({{"model", model}, {"kind", kTokenKinds[kind]}}, series.tokens[kind]);
  }
}

void ModelMetrics::write_lives(PrometheusText& text, const Shown& shown) {
  const auto by_reason = [&](std::string_view name, ByReason Series::*member,
                             std::string_view help) {
    text.family(name, "counter", help);
    for (const auto& [model, series] : shown)
      for (const auto& [reason, count] : series.*member)
        text.sample({{"model", model}, {"reason", reason}}, count);
  };
  const auto number = [&](std::string_view name, std::uint64_t Series::*member,
                          std::string_view help) {
    text.family(name, "counter", help);
    for (const auto& [model, series] : shown)
      if (series.local) text.sample({{"model", model}}, series.*member);
  };
  by_reason("model_starts_total", &Series::starts, "Starts of model servers, by reason.");
  by_reason("model_swaps_total", &Series::swaps,
            "Starts for which another model had to stop, by reason of the start.");
  by_reason("model_stops_total", &Series::stops,
            "Stops of model servers, by reason; evicted: to make room for another model.");
  number("model_start_failures_total", &Series::start_failures,
         "Starts that failed; not those that were given up.");
  number("model_crashes_total", &Series::crashes, "Model servers that ended without being asked.");
  text.family("model_start_duration_seconds", "histogram", "From a start to ready.");
  for (const auto& [model, series] : shown)
    if (series.start_duration.count() > 0) series.start_duration.write(text, {{"model", model}});
}

}  // namespace llama_swap::observe
