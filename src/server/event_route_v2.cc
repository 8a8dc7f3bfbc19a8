#include "server/event_route_v2.h"

#include <optional>

#include "server/answer.h"
#include "server/errors.h"
#include "server/utf8_tail.h"

namespace llama_swap::server {
namespace {

// Proxies and clients that see nothing for longer take the connection for dead.
constexpr std::chrono::seconds kHeartbeat{15};
constexpr std::size_t kMaxBatch = 64 << 10;  // about this much per write

// One log source. Its events have no id: after each connect the history comes anew.
class LogFeed {
 public:
  LogFeed(std::string_view name, observe::LogSource& source, EndlessStream& stream)
      : name_(name), source_(source), subscription_(source, [&stream] { stream.notify(); }) {}

  std::string history() { return event(tail_.next(source_.history()), true); }
  // "" if nothing is new.
  std::string news() {
    const std::string text = tail_.next(subscription_.take());
    return text.empty() ? "" : event(text, false);
  }

 private:
  std::string event(const std::string& text, bool history) const {
    return sse(llama_swap::server::text(Topic::logs), "",
               dump(Json{{"source", name_}, {"history", history}, {"text", text}}));
  }

  std::string_view name_;
  observe::LogSource& source_;
  observe::LogSubscription subscription_;
  Utf8Tail tail_;
};

// What one client has been sent, and is to be sent next.
class Reading {
 public:
  Reading(Call& call, Topics topics, EndlessStream& stream)
      : call_(call),
        core_(call.core),
        topics_(topics),
        reader_(core_.hub, topics, [&stream] { stream.notify(); }) {
    if (!topics.has(Topic::logs) || !call.sight().all()) return;
    proxy_.emplace("proxy", core_.deps.log.proxy(), stream);
    upstream_.emplace("upstream", core_.deps.log.upstream(), stream);
  }

  // `last`: the id of the last event that the client has seen; "": none.
  std::string begin(std::string_view last);
  // What has happened since; "": nothing.
  std::string news();
  // A comment for whoever waits for a sign of life, and where the client is: events of topics that
  // it does not want pass unseen.
  std::string heartbeat() const { return ": heartbeat\nid: " + ring().id_before(next_) + "\n\n"; }

 private:
  const EventRing& ring() const { return core_.hub.ring(); }
  std::string snapshot();
  // Null: not for this client.
  const std::string* text_of(const FeedEvent& event) const;

  const Call& call_;
  Core& core_;
  const Topics topics_;
  EventHub::Reader reader_;
  std::optional<LogFeed> proxy_, upstream_;
  std::uint64_t next_ = 0;  // event
};

std::string Reading::snapshot() {
  const std::string data = dump(core_.feed.snapshot(topics_, call_.sight()));
  next_ = ring().next();
  return sse("snapshot", ring().id_before(next_), data);
}

std::string Reading::begin(std::string_view last) {
  std::string out;
  if (const auto next = ring().after(last)) {
    next_ = *next;
    out = ": resumed\n\n";
  } else {
    out = snapshot();
  }
  if (proxy_) out += proxy_->history() + upstream_->history();
  return out;
}

const std::string* Reading::text_of(const FeedEvent& event) const {
  if (!topics_.has(event.topic)) return nullptr;
  const Sight sight = call_.sight();
  if (sight.all()) return event.text.get();
  if (event.audience.kind == Audience::all_models) return nullptr;
  if (event.audience.kind == Audience::model && !sight.sees(event.audience.name)) return nullptr;
  return event.reduced ? event.reduced.get() : event.text.get();
}

std::string Reading::news() {
  std::string out;
  if (proxy_) out = proxy_->news() + upstream_->news();
  while (next_ < ring().next() && out.size() < kMaxBatch) {
    // Too slow: what it lacks is gone. The state makes up for it.
    if (next_ < ring().first()) return out + snapshot();
    const FeedEvent& event = ring().at(next_);
    const bool divided = event.audience.kind == Audience::divided && !call_.sight().all();
    if (divided && topics_.has(event.topic)) return out + snapshot();
    ++next_;
    if (const std::string* const text = text_of(event)) out += *text;
  }
  return out;
}

// Browsers repeat the header by themselves; what else is a client may find the query easier.
std::string last_seen(const net::RequestHead& head) {
  if (const std::string_view* const header = head.find("Last-Event-ID"))
    return std::string(*header);
  return net::form_value(head.query(), "lastEventId").value_or("");
}

}  // namespace

net::Awaitable<void> event_stream(Call& call) {
  Core& core = call.core;
  const net::RequestHead& request = call.exchange.request();
  const auto topics = Topics::parse(net::form_value(request.query(), "topics").value_or(""));
  if (!topics) {
    std::string message = topics.error().message;
    co_await send_error(call.exchange, 400, std::move(message));
    co_return;
  }
  EndlessStream stream(call);
  Reading reading(call, *topics, stream);
  std::string text = reading.begin(last_seen(request));
  bool beat_due = false;
  net::Deadline beat(core.deps.wheel, [&] {
    beat_due = true;
    stream.notify();
  });

  net::ResponseHead head;
  head.headers = {{"Content-Type", kEventStream},
                  {"Cache-Control", "no-cache"},
                  {"X-Content-Type-Options", "nosniff"},
                  {"X-Accel-Buffering", "no"}};
  const net::BodyFraming framing{net::BodyFraming::unknown};
  const auto begun = co_await call.exchange.respond(head, framing, text);
  if (!begun || request.method == "HEAD") co_return;
  beat.set(util::Clock::now() + kHeartbeat);
  while (!stream.ended()) {
    text = reading.news();
    if (text.empty() && beat_due) text = reading.heartbeat();
    if (text.empty()) {
      co_await stream.wait();
      continue;
    }
    beat_due = false;
    beat.set(util::Clock::now() + kHeartbeat);
    const auto sent = co_await call.exchange.write(text);
    if (!sent) co_return;
  }
  co_await call.exchange.finish();
}

}  // namespace llama_swap::server
