// Activity and captures (http-api 19, 21) of a server that records nothing: the answers the
// specification gives for "none" and "not available". And what is known of the machine (23, 24.2).
#include <charconv>
#include <cstdint>
#include <optional>

#include "server/answer.h"
#include "server/context.h"
#include "server/errors.h"
#include "util/timestamp.h"

namespace llama_swap::server {
namespace {

constexpr std::string_view kPrometheus = "text/plain; version=0.0.4; charset=utf-8";

// A whole number in the query, within [low, high]; `fallback` if absent or not that.
std::int64_t query_number(std::string_view query, std::string_view key, std::int64_t fallback,
                          std::int64_t low, std::int64_t high) {
  const auto text = net::form_value(query, key);
  if (!text) return fallback;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  const bool number = error == std::errc() && end == text->data() + text->size();
  return number && value >= low && value <= high ? value : fallback;
}

net::Awaitable<void> activity(Call& call) {
  const std::string_view query = call.exchange.request().query();
  Json page{{"data", Json::array()},
            {"page", query_number(query, "page", 1, 1, INT64_MAX)},
            {"limit", query_number(query, "limit", 25, 1, 999)},
            {"total", 0},
            {"total_pages", 0}};
  co_await send_json(call.exchange, std::move(page));
}

net::Awaitable<void> stats(Call& call) {
  Json out{{"total_requests", 0},     {"total_input_tokens", 0},     {"total_output_tokens", 0},
           {"total_cache_tokens", 0}, {"prompt_histogram", nullptr}, {"gen_histogram", nullptr}};
  co_await send_json(call.exchange, std::move(out));
}

net::Awaitable<void> capture(Call& call) {
  const std::string& id = call.wildcard;
  const bool number = !id.empty() && id.find_first_not_of("0123456789") == std::string::npos;
  co_await send_error(call.exchange, number ? 404 : 400,
                      number ? "capture not found" : "invalid capture ID");
}

net::Awaitable<void> hardware(Call& call) {
  const std::string* hardware = call.core.deps.hardware;
  if (hardware == nullptr || hardware->empty())
    co_return co_await send_error(call.exchange, 503, "hardware detection unavailable");
  co_await send(call.exchange, 200, kJson, *hardware + "\n");
}

net::Awaitable<void> performance(Call& call) {
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

net::Awaitable<void> metrics(Call& call) {
  const observe::Performance* performance = call.core.deps.performance;
  if (performance == nullptr)
    co_return co_await send(call.exchange, 503, kText, "# performance monitor not available\n");
  co_await send(call.exchange, 200, kPrometheus, performance->metrics());
}

}  // namespace

Routes observe_routes() {
  return {{"GET", "/api/metrics/activity", activity, Access::operating},
          {"GET", "/api/metrics/stats", stats, Access::operating},
          {"GET", "/api/captures/{}", capture, Access::admin},
          {"GET", "/api/hardware", hardware, Access::operating},
          {"GET", "/api/performance", performance, Access::operating},
          {"GET", "/metrics", metrics, Access::operating}};
}

}  // namespace llama_swap::server
