#include "server/forward.h"

#include <boost/asio/basic_waitable_timer.hpp>
#include <ctime>
#include <optional>

#include "net/wakeup.h"
#include "server/fail.h"
#include "server/late_exchange.h"
#include "server/loading_events.h"
#include "server/loading_text.h"
#include "server/request_trace.h"

namespace llama_swap::server {
namespace {

constexpr std::chrono::milliseconds kLoadingTick{750};

// What a waiting client is shown of the loading of its model.
struct Loading {
  Loading(Dialect dialect, const std::string& model)
      : text(model, began), events(dialect, model, std::time(nullptr), began) {}

  const util::Time began = util::Clock::now();
  LoadingText text;
  LoadingEvents events;
};

void enter(Call& call, const Forwarding& forwarding, Measure::Stage stage) {
  using Phase = InflightTable::Entry::Phase;
  if (call.about) call.about->measure.enter(stage);
  if (!forwarding.entry) return;
  if (stage == Measure::Stage::queued) forwarding.entry->enter(Phase::queue);
  if (stage == Measure::Stage::loading) forwarding.entry->enter(Phase::load);
  if (stage == Measure::Stage::asking) forwarding.entry->enter(Phase::asking);
}

void answered(Call& call, const Forwarding& forwarding, const net::ResponseHead& head,
              const net::BodyFraming& framing) {
  if (forwarding.entry) forwarding.entry->answered(head, framing);
  if (call.about) call.about->measure.answered();
  if (call.record) call.record->answered(head, framing);
}

relay::Request relay_request(Call& call, const Forwarding& forwarding,
                             const net::Upstream& upstream) {
  relay::Request request;
  request.target = net::join_target(upstream.base(), forwarding.path, forwarding.query);
  request.body = forwarding.body;
  request.splices = forwarding.splices;
  request.drop_key = !call.caller.key_is_forwarded();
  // Where no line says an id, the upstream's request is the client's, and nothing is added.
  if (call.core.deps.log.is_json()) request.request_id = call.log_fields().request_id;
  if (call.about && call.about->trace) {
    request.trace_parent = call.about->trace->parent();
    request.trace_state = call.about->trace->state();
  }
  request.on_head = [&](const net::ResponseHead& head, const net::BodyFraming& framing) {
    answered(call, forwarding, head, framing);
  };
  request.watcher = call.record.get();
  return request;
}

void note_swap(Recorder* record, const swap::Admission& admission) {
  if (record && admission.caused_swap()) record->caused_swap();
}

Measure::Stage stage_of(const swap::Wait& wait) {
  return wait.reason == "load" ? Measure::Stage::loading : Measure::Stage::queued;
}

// One request waiting for its model. Wakes when the decision comes, when the client leaves, and
// when it is cancelled.
class Waiting {
 public:
  Waiting(Call& call, const Forwarding& forwarding, swap::Admission& admission)
      : call_(call),
        forwarding_(forwarding),
        exchange_(call.exchange),
        entry_(forwarding.entry),
        admission_(admission),
        wakeup_(call.core.deps.loop),
        tick_(call.core.deps.wheel, [this] { wakeup_.notify(); }) {
    if (forwarding.loading_state)
      loading_.emplace(dialect_of(exchange_.request().path()), forwarding.target.local->id);
    admission_.notify([this] { wakeup_.notify(); });
    exchange_.watch_client([this] { give_up(); });
    exchange_.watch_closely();
    if (!entry_) return;
    entry_->on_cancel([this] { give_up(); });
    entry_->waits_with(&admission_);
  }
  ~Waiting() {
    admission_.notify(nullptr);
    exchange_.watch_client(nullptr);
    if (!entry_) return;
    entry_->on_cancel(nullptr);
    entry_->waits_with(nullptr);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  // Until the admission is decided or the request is given up.
  net::Awaitable<void> run();
  // Neither a decision nor a client is waited for any more.
  bool given_up() const { return exchange_.client_gone() || cancelled(); }
  bool cancelled() const { return entry_ && entry_->cancelled(); }

 private:
  bool waits() const {
    return !given_up() && admission_.phase() == swap::Admission::Phase::waiting;
  }
  // The place in the queue and under the limit is for another one at once, not when this coroutine
  // has its turn.
  void give_up() {
    if (withdrawn_) return;
    withdrawn_ = true;
    note_swap(call_.record.get(), admission_);
    if (entry_) entry_->waits_with(nullptr);
    admission_.withdraw();
    wakeup_.notify();
  }
  net::Awaitable<void> begin_stream();
  net::Awaitable<void> show();

  Call& call_;
  const Forwarding& forwarding_;
  net::Exchange& exchange_;
  InflightTable::Entry* const entry_;  // may be null
  swap::Admission& admission_;
  net::Wakeup wakeup_;
  net::Deadline tick_;  // of the loading state
  std::optional<Loading> loading_;
  bool withdrawn_ = false;
};

net::Awaitable<void> Waiting::run() {
  if (loading_) co_await begin_stream();
  while (waits()) {
    enter(call_, forwarding_, stage_of(admission_.wait()));
    co_await wakeup_.wait();
    if (loading_ && waits()) co_await show();
  }
  if (loading_ && !exchange_.client_gone()) {
    const util::Time now = util::Clock::now();
    const std::string event = loading_->events.event(loading_->text.end(now), nullptr, now);
    co_await exchange_.write(event);
  }
}

net::Awaitable<void> Waiting::begin_stream() {
  net::ResponseHead head;
  head.headers = {{"Content-Type", "text/event-stream"},
                  {"Cache-Control", "no-cache"},
                  {"X-Accel-Buffering", "no"}};
  const net::BodyFraming framing{net::BodyFraming::unknown};
  if (entry_) entry_->answered(head, framing, InflightTable::Entry::Phase::queue);
  const util::Time now = util::Clock::now();
  const swap::Wait& wait = admission_.wait();
  const std::string text = loading_->text.begin() + loading_->text.update(wait, now);
  const std::string event = loading_->events.event(text, &wait, now);
  co_await exchange_.respond(head, framing, event);
  tick_.set(now + kLoadingTick);
}

net::Awaitable<void> Waiting::show() {
  const util::Time now = util::Clock::now();
  const swap::Wait& wait = admission_.wait();
  std::string text = loading_->text.update(wait, now);
  if (!tick_.is_set()) {
    if (text.empty()) text = loading_->text.tick(wait, now);
    tick_.set(now + kLoadingTick);
  }
  const std::string event = loading_->events.event(text, &wait, now);
  if (!event.empty()) co_await exchange_.write(event);
}

// What the relay left undone, but for what may be tried elsewhere.
net::Awaitable<std::optional<Problem>> settle(Call& call, const Target& target,
                                              const relay::Outcome& outcome) {
  // The relay's watcher must not outlive it.
  call.exchange.watch_client(nullptr);
  if (call.record) call.record->relayed(outcome);
  using Kind = relay::Outcome;
  if (outcome.kind == Kind::complete || outcome.kind == Kind::client_gone) co_return std::nullopt;
  std::string message;
  if (target.peer) {
    call.core.deps.log.warn(call.log_fields(), "peer {}: proxy error: {}", target.peer->peer->id,
                            outcome.error);
    message = "peer proxy error: " + outcome.error;
  } else {
    call.core.deps.log.warn(call.log_fields(), "<{}> proxy error: {}", target.local->id,
                            outcome.error);
    message = "[" + target.local->id + "] upstream error: " + outcome.error;
  }
  if (outcome.no_connection && !call.exchange.responded()) {
    co_return Problem(502, std::move(message));
  }
  if (outcome.kind != Kind::broke_off) co_await fail(call, 502, std::move(message));
  co_return std::nullopt;
}

// For a client that has been shown the loading of its model.
net::Awaitable<relay::Outcome> run_late_relay(Call& call, net::Upstream& upstream,
                                              const relay::Request& request) {
  LateExchange late(call.exchange);
  const relay::Outcome outcome =
      co_await relay::relay(late, upstream, call.core.deps.wheel, request);
  if (outcome.kind == relay::Outcome::complete) co_await late.finish();
  co_return outcome;
}

net::Awaitable<relay::Outcome> run_relay(Call& call, const Forwarding& forwarding,
                                         net::Upstream& upstream, const relay::Request& request) {
  enter(call, forwarding, Measure::Stage::asking);
  if (call.exchange.responded()) return run_late_relay(call, upstream, request);
  return relay::relay(call.exchange, upstream, call.core.deps.wheel, request);
}

void peer_failed(Core& core, const std::string& id, const std::string& why) {
  if (core.peers.failed(id, why, util::Clock::now())) {
    core.deps.log.warn("peer {}: cannot be reached: {}", id, why);
    core.feed.peer_unreachable(id);
  }
}

void peer_reached(Core& core, const std::string& id) {
  const Reachability::Failure* failure = core.peers.failure(id);
  if (!failure) return;
  const auto lasted =
      std::chrono::round<std::chrono::milliseconds>(util::Clock::now() - failure->since);
  core.deps.log.info("peer {}: reached again, after {}", id, util::duration_text(lasted));
  core.peers.reached(id);
  core.feed.peer_reached(id);
}

net::Awaitable<std::optional<Problem>> forward_to_peer(Call& call, const Forwarding& forwarding) {
  const config::Peer& peer = *forwarding.target.peer->peer;
  const std::shared_ptr<net::Upstream> upstream = call.site->upstream(peer);
  if (!upstream) {
    co_return Problem(502, "peer proxy error: unusable proxy URL");
  }
  relay::Request request = relay_request(call, forwarding, *upstream);
  request.to_peer = true;
  request.api_key = peer.api_key;
  request.on_head = [&](const net::ResponseHead& head, const net::BodyFraming& framing) {
    peer_reached(call.core, peer.id);
    answered(call, forwarding, head, framing);
  };
  call.core.peers.trying(peer.id, util::Clock::now());
  const relay::Outcome outcome = co_await run_relay(call, forwarding, *upstream, request);
  if (outcome.no_connection) peer_failed(call.core, peer.id, outcome.error);
  co_return co_await settle(call, forwarding.target, outcome);
}

// compat.ignoreWebsockets: past the scheduler, never starting anything.
net::Awaitable<std::optional<Problem>> forward_past_scheduler(Call& call,
                                                              const Forwarding& forwarding) {
  const std::string& id = forwarding.target.local->id;
  const std::optional<swap::Served> served = call.core.deps.actor.bypass(id);
  if (!served) {
    std::string message =
        "model " + id + " is not loaded; ignored websocket requests cannot start it";
    co_await fail(call, 409, std::move(message));
    co_return std::nullopt;
  }
  const relay::Request request = relay_request(call, forwarding, *served->upstream);
  const relay::Outcome outcome = co_await run_relay(call, forwarding, *served->upstream, request);
  co_return co_await settle(call, forwarding.target, outcome);
}

net::Awaitable<void> pause(net::Loop& loop, std::chrono::milliseconds length) {
  boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                    net::Executor>
      timer(loop, length);
  co_await timer.async_wait(net::use_awaitable);
}

bool is_over_limit(const swap::Admission& admission) {
  return admission.phase() == swap::Admission::Phase::refused &&
         admission.refusal().kind == swap::Refusal::too_many;
}

swap::Admission admit(Call& call, const Forwarding& forwarding) {
  const std::uint64_t tag = forwarding.entry ? forwarding.entry->id() : 0;
  return call.core.deps.actor.admit(forwarding.target.local->id, tag);
}

// A client that gives up and asks again, on another connection, must not be refused for the request
// that it gave up a moment ago.
net::Awaitable<void> admit_again(Call& call, const Forwarding& forwarding,
                                 swap::Admission& admission) {
  if (!call.core.inflight.look_for_leavers(forwarding.target.local->id)) co_return;
  admission = admit(call, forwarding);  // those that waited are gone already
  for (int turn = 0; turn < 10 && is_over_limit(admission); ++turn) {
    co_await pause(call.core.deps.loop, std::chrono::milliseconds(2));  // those that were served
    admission = admit(call, forwarding);
  }
}

// One try at a local model.
struct Try {
  std::optional<relay::Outcome> outcome;  // nothing: answered, or given up, without a relay
  std::uint64_t instance = 0;
  bool stopped = false;          // the instance, on purpose
  std::optional<Problem> error;  // it could not be started
};

// For a key that may not cause the stop of a model.
net::Awaitable<void> send_no_swap(Call& call, const std::string& model) {
  net::Headers extra;
  extra.push_back({"Retry-After", "30"});
  Problem problem(409, "model " + model +
                           " cannot be served now: another model would have to stop for it, and "
                           "this key may not cause that");
  co_await fail(call, std::move(problem), std::move(extra));
}

net::Awaitable<Try> try_local(Call& call, const Forwarding& forwarding) {
  using Phase = swap::Admission::Phase;
  Try result;
  const std::string& id = forwarding.target.local->id;
  if (!call.caller.may_swap() && call.core.deps.actor.would_displace(id)) {
    co_await send_no_swap(call, id);
    co_return result;
  }
  call.core.starts.trying(id, util::Clock::now());
  enter(call, forwarding, Measure::Stage::queued);
  swap::Admission admission = admit(call, forwarding);
  if (is_over_limit(admission)) co_await admit_again(call, forwarding, admission);
  if (admission.phase() == Phase::waiting) {
    Waiting waiting(call, forwarding, admission);
    co_await waiting.run();
    if (waiting.given_up()) {
      if (waiting.cancelled() && call.record) call.record->cancelled();
      if (waiting.cancelled()) co_await fail(call, 503, "request was cancelled");
      co_return result;
    }
  }
  note_swap(call.record.get(), admission);
  if (admission.phase() == Phase::refused) {
    Problem problem = problem_of(admission.refusal());
    // What a server writes is a log.
    if (!call.caller.is(config::Role::operating)) problem.details.clear();
    const bool failed = admission.refusal().kind == swap::Refusal::start_failed;
    if (failed) call.core.starts.failed(id, problem.message, util::Clock::now());
    if (failed && !call.exchange.responded()) {
      result.error = std::move(problem);
    } else {
      co_await fail(call, std::move(problem));
    }
    co_return result;
  }
  const std::shared_ptr<net::Upstream> upstream = admission.served().upstream;
  if (!upstream) {
    std::string message = "[" + id + "] process is not ready";
    co_await fail(call, 503, std::move(message));
    co_return result;
  }
  call.core.starts.reached(id);
  const relay::Request request = relay_request(call, forwarding, *upstream);
  result.outcome = co_await run_relay(call, forwarding, *upstream, request);
  result.instance = admission.served().instance;
  result.stopped = upstream->retired();
  co_return result;
}

// Did the instance end? The news of a crash may be some milliseconds behind the broken connection.
net::Awaitable<bool> has_ended(Call& call, const std::string& model, std::uint64_t instance) {
  for (int look = 0; look < 25; ++look) {
    const std::optional<swap::Served> now = call.core.deps.actor.bypass(model);
    if (!now || now->instance != instance) co_return true;
    co_await pause(call.core.deps.loop, std::chrono::milliseconds(10));
  }
  co_return false;
}

// A server that crashes before the first byte of its answer may have been dying already: the
// request goes to the next one. Only once, so that a request that kills servers is not tried for
// ever.
net::Awaitable<std::optional<Problem>> forward_to_local(Call& call, const Forwarding& forwarding) {
  Try done = co_await try_local(call, forwarding);
  const bool unanswered = done.outcome && done.outcome->kind == relay::Outcome::unreachable &&
                          !done.stopped && !call.exchange.responded() &&
                          forwarding.entry != nullptr;
  if (unanswered) {
    const bool ended = co_await has_ended(call, forwarding.target.local->id, done.instance);
    if (ended) done = co_await try_local(call, forwarding);
  }
  if (done.outcome) co_return co_await settle(call, forwarding.target, *done.outcome);
  co_return done.error;
}

}  // namespace

bool is_websocket(const net::RequestHead& head) {
  return net::header_has_token(head.headers, "Connection", "upgrade") &&
         net::header_has_token(head.headers, "Upgrade", "websocket");
}

net::Awaitable<util::Result<void>> receive_body(net::Exchange& exchange, net::Body& body,
                                                ModelScan* scan) {
  const std::uint64_t expected = exchange.content_length().value_or(0);
  if (!exchange.has_body()) co_return util::Result<void>();
  for (;;) {
    const std::span<char> room = body.prepare(expected);
    const auto n = co_await exchange.read_body(room);
    if (!n) co_return tl::unexpected(n.error());
    if (*n == 0) co_return util::Result<void>();
    if (scan && scan->wants_body()) scan->feed({room.data(), *n});
    const auto kept = co_await body.commit(*n);
    if (!kept || body.size() == expected) co_return kept;
  }
}

net::Awaitable<std::optional<Problem>> try_forward(Call& call, const Forwarding& forwarding) {
  if (call.about) call.about->measure.goes_to(call.site, forwarding.target);
  if (forwarding.entry) {
    forwarding.entry->counts_tokens(call.record.get());
    if (forwarding.body) forwarding.entry->received(forwarding.body->size());
  }
  if (forwarding.target.peer) return forward_to_peer(call, forwarding);
  if (forwarding.target.local->ignore_websockets && is_websocket(call.exchange.request()))
    return forward_past_scheduler(call, forwarding);
  return forward_to_local(call, forwarding);
}

net::Awaitable<void> forward(Call& call, const Forwarding& forwarding) {
  std::optional<Problem> error = co_await try_forward(call, forwarding);
  if (error) co_await fail(call, std::move(*error));
}

}  // namespace llama_swap::server
