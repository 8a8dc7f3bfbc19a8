// /logs and /logs/stream (http-api 16).
#include "server/answer.h"
#include "server/context.h"
#include "server/errors.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

// In these the output and the requests of all models are mixed.
bool needs_all_models(const Call& call, const observe::LogSource& source) {
  observe::LogHub& log = call.core.deps.log;
  const bool mixed =
      &source == &log.combined() || &source == &log.proxy() || &source == &log.upstream();
  return mixed && !call.caller.may_use_all();
}

net::Awaitable<void> send_not_divided(Call& call) {
  co_await send_error(call.exchange, 403,
                      "this log needs a key that opens all models; /logs/stream/MODEL is open");
}

net::Awaitable<void> history(Call& call) {
  const std::string_view* accept = call.exchange.request().find("Accept");
  if (accept && accept->find("text/html") != std::string_view::npos) {
    co_await send_redirect(call.exchange, 302, "/ui/");
    co_return;
  }
  if (needs_all_models(call, call.core.deps.log.combined())) {
    co_await send_not_divided(call);
    co_return;
  }
  std::string text = call.core.deps.log.combined().history();
  co_await send(call.exchange, 200, "text/plain", std::move(text));
}

// "" = combined, `proxy`, `upstream`, or a model of ours by the longest name the path begins with.
// Null: none.
observe::LogSource* source_of(const Call& call) {
  observe::LogHub& log = call.core.deps.log;
  if (call.wildcard.empty()) return &log.combined();
  if (call.wildcard == "proxy") return &log.proxy();
  if (call.wildcard == "upstream") return &log.upstream();
  const auto match = call.site->directory().find_prefix(call.raw_wildcard, call.caller);
  return match && match->target.local ? &log.model(match->target.local->id) : nullptr;
}

bool wants_history(std::string_view query) {
  for (const std::string_view piece : util::split(query, '&'))
    if (util::percent_decode(piece.substr(0, piece.find('='))) == "no-history") return false;
  return true;
}

net::Awaitable<void> stream(Call& call) {
  observe::LogSource* source = source_of(call);
  if (!source) {
    co_await send_error(call.exchange, 400,
                        "invalid logger. Use 'proxy', 'upstream' or a model's ID");
    co_return;
  }
  if (needs_all_models(call, *source)) {
    co_await send_not_divided(call);
    co_return;
  }
  EndlessStream endless(call);
  // History and subscription in one breath: between them nothing can be lost or doubled.
  observe::LogSubscription subscription(*source, [&endless] { endless.notify(); });
  std::string text;
  if (wants_history(call.exchange.request().query())) text = source->history();

  net::ResponseHead head;
  head.headers = {{"Content-Type", "text/plain"},
                  {"X-Content-Type-Options", "nosniff"},
                  {"X-Accel-Buffering", "no"}};
  const net::BodyFraming framing{net::BodyFraming::unknown};
  const auto begun = co_await call.exchange.respond(head, framing, text);
  if (!begun || call.exchange.request().method == "HEAD") co_return;
  while (!endless.ended()) {
    text = subscription.take();
    if (text.empty()) {
      if (subscription.ended()) break;
      co_await endless.wait();
      continue;
    }
    const auto sent = co_await call.exchange.write(text);
    if (!sent) co_return;
  }
  co_await call.exchange.finish();
}

}  // namespace

Routes log_routes() {
  return {{"GET", "/logs", history, Access::operating},
          {"GET", "/logs/stream", stream, Access::operating},
          {"GET", "/logs/stream/{...}", stream, Access::operating}};
}

}  // namespace llama_swap::server
