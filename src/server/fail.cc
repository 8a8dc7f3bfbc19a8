#include "server/fail.h"

namespace llama_swap::server {

net::Awaitable<void> fail(Call& call, Problem problem, net::Headers extra) {
  net::Exchange& exchange = call.exchange;
  const net::RequestHead& head = exchange.request();
  const bool streams = exchange.responded();
  if (call.record) call.record->failed(problem, streams ? kEventStream : error_type(head, problem));
  if (exchange.client_gone()) co_return;
  if (!streams) {
    co_await send_problem(exchange, std::move(problem), std::move(extra));
    co_return;
  }
  const Dialect dialect = dialect_of(head.path());
  const std::string events = error_events(dialect, error_json(dialect, problem));
  co_await exchange.write(events);
  co_await exchange.finish();
}

net::Awaitable<void> fail(Call& call, int status, std::string message) {
  return fail(call, Problem(status, std::move(message)));
}

}  // namespace llama_swap::server
