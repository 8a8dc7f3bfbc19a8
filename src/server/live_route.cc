// What is going on, for scripts that ask instead of listening (docs/events.md).
#include "server/answer.h"
#include "server/context.h"

namespace llama_swap::server {
namespace {

net::Awaitable<void> inflight(Call& call) {
  const Sight sight = call.sight();
  Json out{{"requests", call.core.inflight.list(sight.all() ? nullptr : &sight)}};
  co_await send_json(call.exchange, std::move(out));
}

net::Awaitable<void> queue(Call& call) {
  const Sight sight = call.sight();
  Json out = call.core.feed.queue(sight);
  co_await send_json(call.exchange, std::move(out));
}

}  // namespace

Routes live_routes() {
  return {{"GET", "/api/inflight", inflight, Access::operating},
          {"GET", "/api/queue", queue, Access::operating}};
}

}  // namespace llama_swap::server
