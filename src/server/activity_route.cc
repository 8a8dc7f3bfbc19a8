// What was recorded: list, figures and export (http-api 19.3, 19.4).
#include <fmt/format.h>

#include "server/activity_query.h"
#include "server/answer.h"
#include "server/context.h"
#include "server/errors.h"
#include "server/sight.h"
#include "store/export.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

using util::Errc;

// Leaves of the models asked for (none: all) those that the caller sees; may be very many.
void narrow(std::vector<std::string>& models, const Call& call) {
  const Sight sight = call.sight();
  if (sight.all()) return;
  if (!models.empty()) {
    std::erase_if(models, [&](const std::string& model) { return !sight.sees(model); });
  } else {
    const auto add = [&](const std::string& name) {
      if (sight.sees(name)) models.push_back(name);
    };
    for (const auto& [id, model] : call.site->config().models) add(id);
    for (const auto& [id, peer] : call.site->config().peers) {
      for (const std::string& model : peer.models) {
        add(id + "/" + model);
        add(model);
      }
    }
  }
  // No row is without a model.
  if (models.empty()) models.emplace_back();
}

net::Awaitable<void> send_store_error(net::Exchange& exchange, util::Error error) {
  int status = 500;
  if (error.code == Errc::invalid || error.code == Errc::not_found) status = 400;
  if (error.code == Errc::unavailable || error.code == Errc::cancelled) status = 503;
  if (error.code == Errc::timed_out) status = 504;
  return send_error(exchange, status, std::move(error.message));
}

net::Awaitable<void> send_closed(net::Exchange& exchange) {
  return send_error(exchange, 503, "the activity database is closed");
}

std::string page_json(const store::Query& query, const store::Page& page,
                      const Captures& captures) {
  const std::int64_t pages = (page.total + query.limit - 1) / query.limit;
  std::string out = "{\"data\":[";
  for (const store::Activity& row : page.rows) {
    if (&row != page.rows.data()) out += ',';
    store::append_json(out, row, captures.has(row.id));
  }
  const Json rest{
      {"page", query.page}, {"limit", query.limit}, {"total", page.total}, {"total_pages", pages}};
  // As members of the same object.
  return out + "]," + dump(rest).substr(1) + "\n";
}

net::Awaitable<void> list(Call& call) {
  auto query = parse_activity_query(call.exchange.request().query());
  if (!query) {
    co_await send_store_error(call.exchange, std::move(query.error()));
    co_return;
  }
  narrow(query->filter.models, call);
  const auto store = call.core.activity;  // it may be replaced meanwhile
  if (!store) {
    co_await send_closed(call.exchange);
    co_return;
  }
  auto page = co_await store->list(*query);
  if (!page) {
    co_await send_store_error(call.exchange, std::move(page.error()));
    co_return;
  }
  co_await send(call.exchange, 200, kJson, page_json(*query, *page, *call.core.captures));
}

Json histogram_json(const std::optional<store::Histogram>& histogram) {
  if (!histogram) return nullptr;
  return {{"bins", histogram->bins},        {"min", histogram->min}, {"max", histogram->max},
          {"binSize", histogram->bin_size}, {"p50", histogram->p50}, {"p95", histogram->p95},
          {"p99", histogram->p99}};
}

net::Awaitable<void> stats(Call& call) {
  const auto store = call.core.activity;
  if (!store) {
    co_await send_closed(call.exchange);
    co_return;
  }
  const auto model = net::form_value(call.exchange.request().query(), "model");
  const std::string_view asked = model ? util::trim(*model) : std::string_view();
  std::vector<std::string> models;
  if (!asked.empty()) models.emplace_back(asked);
  narrow(models, call);
  const auto found = co_await store->stats(std::move(models));
  if (!found) {
    co_await send_store_error(call.exchange, found.error());
    co_return;
  }
  Json out{{"total_requests", found->requests},
           {"total_input_tokens", found->input_tokens},
           {"total_output_tokens", found->output_tokens},
           {"total_cache_tokens", found->cached_tokens},
           {"prompt_histogram", histogram_json(found->prompt)},
           {"gen_histogram", histogram_json(found->generation)}};
  co_await send_json(call.exchange, std::move(out));
}

// How the store itself fares: never asks the database, so it answers while the disk hangs.
net::Awaitable<void> health(Call& call) {
  if (!call.sight().all()) co_return co_await send_needs_all_models(call.exchange);
  const auto store = call.core.activity;
  if (!store) {
    co_await send_closed(call.exchange);
    co_return;
  }
  const store::StoreHealth now = store->health();
  const Json json{{"writing", now.writing},
                  {"fault", now.fault},
                  {"waiting", now.waiting},
                  {"stored", now.stored},
                  {"dropped", now.dropped}};
  co_await send(call.exchange, 200, kJson, dump(json) + "\n");
}

std::optional<store::Format> export_format(std::string_view query) {
  const std::string name = net::form_value(query, "format").value_or("csv");
  return name == "md" ? store::Format::markdown : store::format(name);
}

// All rows of the filters of the list, in order of their ids; `order` counts, too.
net::Awaitable<void> export_rows(Call& call) {
  net::Exchange& exchange = call.exchange;
  const std::string_view text = exchange.request().query();
  auto query = parse_activity_query(text);
  if (!query) {
    co_await send_store_error(exchange, std::move(query.error()));
    co_return;
  }
  const std::optional<store::Format> format = export_format(text);
  if (!format) {
    co_await send_error(exchange, 400, "format must be csv, jsonl or md");
    co_return;
  }
  narrow(query->filter.models, call);
  const auto store = call.core.activity;
  if (!store) {
    co_await send_closed(exchange);
    co_return;
  }
  store::Export rows(*store, std::move(query->filter), *format, query->descending);
  auto piece = co_await rows.next();
  if (!piece) {
    co_await send_store_error(exchange, std::move(piece.error()));
    co_return;
  }
  const std::string file = fmt::format("attachment; filename=\"activity.{}\"", suffix(*format));
  net::ResponseHead head;
  head.headers = {{"Content-Type", store::content_type(*format)}, {"Content-Disposition", file}};
  const net::BodyFraming framing{net::BodyFraming::unknown};
  const auto begun = co_await exchange.respond(head, framing, *piece);
  if (!begun || exchange.request().method == "HEAD") co_return;
  while (!piece->empty()) {
    auto next = co_await rows.next();
    if (!next) {
      call.core.deps.log.warn(call.log_fields(), "an export broke off: {}", next.error().message);
      exchange.abort();
      co_return;
    }
    piece = std::move(next);
    const auto sent = co_await exchange.write(*piece);
    if (!sent) co_return;
  }
  co_await exchange.finish();
}

}  // namespace

Routes activity_routes() {
  return {{"GET", "/api/metrics/activity", list, Access::operating},
          {"GET", "/api/metrics/activity/export", export_rows, Access::operating},
          {"GET", "/api/metrics/stats", stats, Access::operating},
          {"GET", "/api/metrics/store", health, Access::operating}};
}

}  // namespace llama_swap::server
