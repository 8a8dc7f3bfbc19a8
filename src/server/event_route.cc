// GET /api/events (http-api 17): everything a console shows, live. Version 2 is in event_route_v2.
#include <optional>

#include "server/answer.h"
#include "server/context.h"
#include "server/errors.h"
#include "server/event_route_v2.h"
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

// What one reader is sent. Of a key that opens only some models: what concerns those; an event
// about several is made anew.
struct Teller {
  const Call& call;
  Core& core = call.core;

  std::string operator()(const observe::ModelStatus& e) const {
    const Sight sight = call.sight();
    return message("modelStatus", sight.all() ? e.json : core.model_status_json(&sight));
  }
  std::string operator()(const observe::ProfileChanged& e) const {
    return profile_message(e.active.value_or(""));
  }
  std::string operator()(const observe::Inflight& e) const {
    const Sight sight = call.sight();
    if (!sight.all() && e.model.empty()) return message("inflight", core.inflight.snapshot(&sight));
    return sight.all() || sight.sees(e.model) ? message("inflight", e.json) : "";
  }
  std::string operator()(const observe::ActivityStored& e) const {
    const Sight sight = call.sight();
    return sight.all() || sight.sees(e.model) ? message("activity", dump(Json{{"id", e.id}})) : "";
  }
  std::string operator()(const observe::UiConfig& e) const { return message("uiConfig", e.json); }

  // What can be sent anew at any time: all but the logs.
  std::string current_state() const {
    const Sight sight = call.sight();
    const Sight* const seen = sight.all() ? nullptr : &sight;
    return message("modelStatus", core.model_status_json(seen)) +
           message("uiConfig", core.ui_config_json()) + profile_message(core.active_profile) +
           message("inflight", core.inflight.snapshot(seen));
  }
};

// One log source as messages. Closed: it looks empty, and stays so.
class LogFeed {
 public:
  LogFeed(std::string_view name, observe::LogSource& source, EndlessStream& stream, bool closed)
      : name_(name), source_(source) {
    if (!closed) subscription_.emplace(source, [&stream] { stream.notify(); });
  }

  std::string history() {
    return log_message(name_, subscription_ ? tail_.next(source_.history()) : "");
  }
  // "" if nothing is new.
  std::string news() {
    const std::string text = subscription_ ? tail_.next(subscription_->take()) : "";
    return text.empty() ? "" : log_message(name_, text);
  }

 private:
  std::string_view name_;
  observe::LogSource& source_;
  std::optional<observe::LogSubscription> subscription_;
  Utf8Tail tail_;
};

net::Awaitable<void> first_version(Call& call) {
  constexpr std::size_t kMaxBatch = 64 << 10;  // about this much per write
  Core& core = call.core;
  EndlessStream stream(call);
  // Everything is subscribed to before the state is looked at, and without a suspension in between:
  // nothing is lost or doubled.
  const Teller teller{call};
  const bool closed = !call.sight().all();  // in these logs all models are mixed
  LogFeed proxy("proxy", core.deps.log.proxy(), stream, closed);
  LogFeed upstream("upstream", core.deps.log.upstream(), stream, closed);
  observe::EventSubscription subscription(core.deps.events, [&stream] { stream.notify(); });
  std::string text = proxy.history() + upstream.history() + teller.current_state();

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
      if (event) {
        text += std::visit(teller, *event);
        continue;
      }
      // Not before: what was pending is older than the state.
      if (subscription.take_overflow()) {
        core.deps.log.warn("an event stream is too slow: events were dropped");
        text += teller.current_state();
      }
      break;
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

net::Awaitable<void> events(Call& call) {
  const auto version = net::form_value(call.exchange.request().query(), "v");
  if (version == "2") return event_stream(call);
  if (!version || version == "1") return first_version(call);
  return send_error(call.exchange, 400, "v must be 1 or 2");
}

}  // namespace

Routes event_routes() {
  return {{"GET", "/api/events", events, Access::operating}};
}

}  // namespace llama_swap::server
