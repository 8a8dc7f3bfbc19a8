// Sends spans to a collector: OTLP over HTTP, in JSON. In batches, from a bounded queue, beside
// everything else: no request ever waits for it. I/O thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "net/loop.h"
#include "net/timer_wheel.h"
#include "net/wakeup.h"
#include "trace/http_post.h"
#include "trace/otlp_json.h"
#include "util/unique_id.h"

namespace llama_swap::trace {

// What to do with a batch after an answer (OTLP 1.x, "Failures"): only these are worth a second
// try.
bool is_worth_retrying(int status);
// The pause before try number `next` (2: the first repetition), without what the server says.
std::chrono::milliseconds back_off(int next);

class Exporter : public std::enable_shared_from_this<Exporter> {
 public:
  static constexpr std::size_t kBatch = 512;           // spans
  static constexpr std::chrono::seconds kPeriod{1};    // at most between a span and its sending
  static constexpr std::chrono::seconds kAttempt{10};  // for one request to the collector
  // A batch that cannot be delivered is dropped after this time; so is one whose collector wants to
  // be left alone for longer.
  static constexpr std::chrono::minutes kGiveUp{5};

  using Log = std::function<void(config::LogLevel, std::string)>;

  // Loop and wheel must outlive it. Nothing is sent before start(). A bad endpoint (which the
  // configuration has checked) is logged, and all spans are dropped.
  Exporter(net::Loop& loop, net::TimerWheel& wheel, config::Tracing settings, std::string version,
           Log log);

  // The place of a request in its trace: a new span in the trace of `parent`, or in a new one;
  // sampled as the parent is, or by the configured share of new traces.
  Context begin(const std::optional<Context>& parent);
  // The id of a span below one that begin() gave.
  std::uint64_t next_span() { return ids_.next() | 1; }
  // Takes the spans of one request, all or none: what finds the queue full is dropped and counted.
  void add(std::vector<Span> spans);

  void start();
  // Sends what is queued and ends, within `budget`: what then is left is dropped. What is added
  // from now on is dropped, too. Once.
  static net::Awaitable<void> close(std::shared_ptr<Exporter> exporter,
                                    std::chrono::milliseconds budget);

  const config::Tracing& settings() const { return settings_; }
  std::size_t queued() const { return queue_.size(); }
  std::size_t dropped() const { return dropped_; }  // since the last word about it

 private:
  static net::Awaitable<void> run(std::shared_ptr<Exporter> self);
  net::Awaitable<void> wait_for_batch();
  net::Awaitable<void> deliver(std::string body, std::size_t spans);
  net::Awaitable<void> pause(std::chrono::milliseconds length);
  void failed(const std::string& why);
  void tell_of_drops();

  net::Loop& loop_;
  net::TimerWheel& wheel_;
  const config::Tracing settings_;
  const Resource resource_;
  const Log log_;
  std::string to_;                  // host and port, for the log
  std::unique_ptr<HttpPost> post_;  // null: the endpoint is no URL
  util::UniqueIds ids_;

  std::deque<Span> queue_;
  net::Wakeup wakeup_;
  net::Deadline due_;  // of the batch, or the end of a pause
  bool is_due_ = false;
  std::size_t dropped_ = 0;
  util::Time told_{};     // of drops, last
  bool failing_ = false;  // and that has been logged

  bool closing_ = false;
  bool given_up_ = false;
  bool ended_ = false;
  net::Wakeup done_;
};

}  // namespace llama_swap::trace
