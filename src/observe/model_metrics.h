// What is counted of requests and of the lives of models, for Prometheus. Plain numbers, since the
// start of the program; I/O thread only.
//
// There are series for configured models and peers only, so that neither clients nor upstreams can
// add to their number: it is bounded by models x endpoints x status codes. The series of what is
// not configured any more go. Counting costs a lookup and some additions, and allocates only where
// a series is new.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.h"
#include "observe/prometheus_text.h"

namespace llama_swap::observe {

class Histogram {
 public:
  // Upper bounds in seconds, inclusive. From a cached embedding to a large model from a slow disk.
  static constexpr std::array<double, 14> kBounds{0.005, 0.025, 0.1, 0.25, 0.5, 1,   2.5,
                                                  5,     10,    30,  60,   120, 300, 600};

  void observe(std::chrono::nanoseconds value);
  std::uint64_t count() const;
  // The samples of one family; `labels` come before `le`.
  void write(PrometheusText& text, std::initializer_list<Label> labels) const;

 private:
  std::array<std::uint64_t, kBounds.size() + 1> counts_{};  // the last one: beyond all bounds
  std::chrono::nanoseconds sum_{0};
};

enum class TokenKind { input, cached, output, drafted, draft_accepted };
using TokenCounts = std::array<std::int64_t, 5>;  // by TokenKind; what is not positive: none known

// One request that is over. Empty times: it did not come so far.
struct RequestFacts {
  std::string_view model;    // id of a model or peer; "": it was for none
  std::size_t endpoint = 0;  // as given by ModelMetrics::endpoint()
  int status = 0;
  std::optional<std::chrono::nanoseconds> queue;       // waited for its turn
  std::optional<std::chrono::nanoseconds> load;        // waited for its model to become ready
  std::optional<std::chrono::nanoseconds> first_byte;  // from passing it on to the answer
  std::chrono::nanoseconds duration{0};
};

class ModelMetrics {
 public:
  explicit ModelMetrics(const config::Config& config) { keep_those_of(config); }
  ModelMetrics(const ModelMetrics&) = delete;
  ModelMetrics& operator=(const ModelMetrics&) = delete;

  // Series of models and peers that are not in `config` go, those of new ones begin.
  void keep_those_of(const config::Config& config);

  // The number of an endpoint: a pattern of a route. The same for the same pattern.
  std::size_t endpoint(std::string_view pattern);
  static constexpr std::size_t kOtherEndpoint = 0;

  // What is said of a model that is not configured (any more) counts for "other".
  void count(const RequestFacts& request);
  void count_tokens(std::string_view model, const TokenCounts& tokens);

  // The next ones are about local models; of others they do nothing. Reasons are those of the
  // scheduler: few, fixed words.
  void started(std::string_view model, std::string_view reason);
  void displaced_others(std::string_view model, std::string_view reason);
  void ready(std::string_view model, std::chrono::nanoseconds after);
  void start_failed(std::string_view model);
  void stopped(std::string_view model, std::string_view reason);
  void crashed(std::string_view model);

  // `sees`: whose series are written, by the values of the label `model`; empty: all.
  using Sees = std::function<bool(const std::string&)>;
  void write(PrometheusText& text, const Sees& sees = {}) const;

 private:
  using ByReason = std::map<std::string, std::uint64_t>;
  struct Series {
    bool local = false;
    std::map<std::uint32_t, std::uint64_t> requests;  // by endpoint and status
    Histogram queue, load, first_byte, duration;
    TokenCounts tokens{};
    // Of local models.
    ByReason starts, swaps, stops;
    Histogram start_duration;
    std::uint64_t start_failures = 0;
    std::uint64_t crashes = 0;
  };

  Series& of(std::string_view model);
  Series* local(std::string_view model);
  using Shown = std::vector<std::pair<const std::string&, const Series&>>;
  void write_requests(PrometheusText& text, const Shown& shown) const;
  static void write_lives(PrometheusText& text, const Shown& shown);

  std::vector<std::string> endpoints_{"other"};
  std::map<std::string, Series, std::less<>> series_;
};

}  // namespace llama_swap::observe
