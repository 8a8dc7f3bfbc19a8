// What is known of the machine (http-api 23, 24.2).
#include <optional>

#include "server/answer.h"
#include "server/context.h"
#include "server/errors.h"
#include "server/own_metrics.h"
#include "util/timestamp.h"

namespace llama_swap::server {
namespace {

constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";

net::Awaitable<void> hardware(Call& call) {
  const std::string* hardware = call.core.deps.hardware;
  if (hardware == nullptr || hardware->empty())
    co_return co_await send_error(call.exchange, 503, "hardware detection unavailable");
  co_await send(call.exchange, 200, kJson, *hardware + "\n");
}

net::Awaitable<void> performance(Call& call) {
  if (!call.sight().all()) co_return co_await send_needs_all_models(call.exchange);
  const observe::Performance* performance = call.core.deps.performance;
  if (performance == nullptr)
    co_return co_await send(call.exchange, 503, kJson, "{\"enabled\":false}\n");
  std::optional<util::ParsedTime> after;
  const auto text = net::form_value(call.exchange.request().query(), "after");
  if (text && !text->empty() && !(after = util::parse_rfc3339(*text)))
    co_return co_await send_error(call.exchange, 400,
                                  "invalid 'after' timestamp, use RFC3339 format");
  co_await send(call.exchange, 200, kJson, performance->json(after) + "\n");
}

// The original's families come first, and are asked for alone with ?families=machine. Where the
// machine is not monitored it answers 503, so that ours are to be had with ?families=own. Who sees
// some models only gets ours, whatever the machine does.
net::Awaitable<void> metrics(Call& call) {
  const auto asked = net::form_value(call.exchange.request().query(), "families");
  const std::string families = asked.value_or("all");
  if (families != "all" && families != "machine" && families != "own")
    co_return co_await send(call.exchange, 400, kText, "# families must be all, machine or own\n");
  const Sight sight = call.sight();
  if (families == "machine" && !sight.all())
    co_return co_await send_needs_all_models(call.exchange);
  std::string text;
  if (families != "own" && sight.all()) {
    const observe::Performance* performance = call.core.deps.performance;
    if (performance == nullptr)
      co_return co_await send(call.exchange, 503, kText, "# performance monitor not available\n");
    text = performance->metrics();
  }
  if (families != "machine") text += own_metrics(call.core, sight);
  co_await send(call.exchange, 200, kPrometheus, std::move(text));
}

}  // namespace

Routes observe_routes() {
  return {{"GET", "/api/hardware", hardware, Access::operating},
          {"GET", "/api/performance", performance, Access::operating},
          {"GET", "/metrics", metrics, Access::operating}};
}

}  // namespace llama_swap::server
