// One request in a trace: a span of kind SERVER, with a child for each phase of it, and what they
// say (OpenTelemetry's semantic conventions for HTTP and GenAI). I/O thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/exchange.h"
#include "store/activity.h"
#include "trace/exporter.h"
#include "util/time.h"

namespace llama_swap::server {

struct About;

class RequestTrace {
 public:
  // A request has come: it goes on with the trace of its client, or begins one.
  RequestTrace(std::shared_ptr<trace::Exporter> exporter, const net::RequestHead& head);

  // Is it recorded? Else only the next two matter.
  bool sampled() const { return context_.sampled(); }
  // What an upstream is told: it is asked on behalf of our span.
  std::string parent() const { return trace::traceparent(context_); }
  const std::string& state() const { return context_.state; }

  // The pattern of the route that it took.
  void route(std::string_view pattern) { route_ = pattern; }
  // `name` is a literal. What follows a phase of that name without a gap belongs to it; after
  // kMaxPhases the rest is left out.
  static constexpr std::size_t kMaxPhases = 32;
  void phase(std::string_view name, util::Time begin, util::Time end);
  // What was recorded of it. `own_words`: its error is. What an upstream says of one may quote the
  // prompt, and is not told.
  void take(const store::Activity& row, bool own_words) {
    row_ = row;
    if (!own_words) row_->error.clear();
  }
  // The answer has ended. `client` is its address. Once.
  void end(const net::Exchange& exchange, std::string_view client, const About& about);

 private:
  struct Phase {
    std::string_view name;
    util::Time begin, end;
  };
  trace::Time at(util::Time time) const;
  void describe(trace::Span& span, const net::Exchange& exchange, std::string_view client,
                const About& about) const;
  void describe_model(trace::Span& span) const;
  void judge(trace::Span& span, const net::Exchange& exchange) const;

  const std::shared_ptr<trace::Exporter> exporter_;
  const util::Time began_ = util::Clock::now();
  const std::chrono::system_clock::time_point began_at_ = std::chrono::system_clock::now();
  trace::Context context_;
  std::uint64_t parent_ = 0;
  std::string route_;
  std::vector<Phase> phases_;
  std::optional<store::Activity> row_;
};

}  // namespace llama_swap::server
