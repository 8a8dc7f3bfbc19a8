// GET /api/events (http-api 17): everything a console shows, live.
#include "server/answer.h"
#include "server/context.h"
#include "server/utf8_tail.h"

namespace llama_swap::server {
namespace {

std::string message(std::string_view type, std::string_view data) {
  return "event:message\ndata:" + dump(Json{{"type", type}, {"data", data}}) + "\n\n";
}

std::string log_message(std::string_view source, std::string_view text) {
  return message("logData", dump(Json{{"source", source}, {"data", text}}));
}

std::string profile_message(const std::string& active) {
  Json value;
  if (!active.empty()) value = active;
  return message("profileChanged", dump(Json{{"active", std::move(value)}}));
}

std::string event_message(const observe::Event& event) {
  struct {
    std::string operator()(const observe::ModelStatus& e) const {
      return message("modelStatus", e.json);
    }
    std::string operator()(const observe::ProfileChanged& e) const {
      return profile_message(e.active.value_or(""));
    }
    std::string operator()(const observe::Inflight& e) const { return message("inflight", e.json); }
    std::string operator()(const observe::ActivityStored& e) const {
      return message("activity", dump(Json{{"id", e.id}}));
    }
    std::string operator()(const observe::UiConfig& e) const { return message("uiConfig", e.json); }
  } visitor;
  return std::visit(visitor, event);
}

// One log source as messages.
class LogFeed {
 public:
  LogFeed(std::string_view name, observe::LogSource& source, EndlessStream& stream)
      : name_(name), source_(source), subscription_(source, [&stream] { stream.notify(); }) {}

  std::string history() { return log_message(name_, tail_.next(source_.history())); }
  // "" if nothing is new.
  std::string news() {
    const std::string text = tail_.next(subscription_.take());
    return text.empty() ? "" : log_message(name_, text);
  }

 private:
  std::string_view name_;
  observe::LogSource& source_;
  observe::LogSubscription subscription_;
  Utf8Tail tail_;
};

// What can be sent anew at any time: all but the logs.
std::string current_state(Core& core) {
  return message("modelStatus", core.model_status_json()) +
         message("uiConfig", core.ui_config_json()) + profile_message(core.active_profile) +
         message("inflight", core.inflight.snapshot());
}

net::Awaitable<void> events(Call& call) {
  constexpr std::size_t kMaxBatch = 64 << 10;  // about this much per write
  Core& core = call.core;
  EndlessStream stream(core.deps.loop, core.streams, call.exchange);
  // Everything is subscribed to before the state is looked at, and without a suspension in between:
  // nothing is lost or doubled.
  LogFeed proxy("proxy", core.deps.log.proxy(), stream);
  LogFeed upstream("upstream", core.deps.log.upstream(), stream);
  observe::EventSubscription subscription(core.deps.events, [&stream] { stream.notify(); });
  std::string text = proxy.history() + upstream.history() + current_state(core);

  net::ResponseHead head;
  head.headers = {{"Content-Type", "text/event-stream"},
                  {"Cache-Control", "no-cache"},
                  {"X-Content-Type-Options", "nosniff"},
                  {"X-Accel-Buffering", "no"}};
  const net::BodyFraming framing{net::BodyFraming::unknown};
  const auto begun = co_await call.exchange.respond(head, framing, text);
  if (!begun || call.exchange.request().method == "HEAD") co_return;
  while (!stream.ended()) {
    text = proxy.news() + upstream.news();
    while (text.size() < kMaxBatch) {
      const auto event = subscription.take();
      if (!event) break;
      text += event_message(*event);
    }
    if (subscription.take_overflow()) {
      core.deps.log.warn("an event stream is too slow: events were dropped");
      text += current_state(core);
    }
    if (text.empty()) {
      co_await stream.wait();
      continue;
    }
    const auto sent = co_await call.exchange.write(text);
    if (!sent) co_return;
  }
  co_await call.exchange.finish();
}

}  // namespace

Routes event_routes() {
  return {{"GET", "/api/events", events, Access::operating}};
}

}  // namespace llama_swap::server
