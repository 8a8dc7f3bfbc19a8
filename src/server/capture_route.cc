// GET /api/captures/{id} (http-api 21.1).
#include <charconv>
#include <optional>

#include "server/answer.h"
#include "server/context.h"
#include "server/errors.h"
#include "server/sight.h"
#include "store/packed_json.h"

namespace llama_swap::server {
namespace {

std::optional<std::int64_t> parse_id(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::int64_t id = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

// The next piece of the text, unpacked by the worker.
net::Awaitable<std::string> next(net::Worker& worker, store::PackedJsonReader& reader) {
  std::string piece;
  std::function<void()> work = [&] { piece = reader.next(); };
  co_await net::run(worker, std::move(work));
  co_return piece;
}

// Piece by piece, as it may be large.
net::Awaitable<void> send_capture(Call& call, store::Packed packed) {
  net::Exchange& exchange = call.exchange;
  net::Worker& worker = call.core.deps.worker;
  store::PackedJsonReader reader(std::move(packed));
  std::string piece = co_await next(worker, reader);
  if (reader.broken()) {
    co_await send_error(exchange, 500, "failed to marshal capture");
    co_return;
  }
  net::ResponseHead head;
  head.headers = {{"Content-Type", kJson}, {"Cache-Control", "no-store"}};
  net::BodyFraming framing{net::BodyFraming::unknown};
  if (reader.ended()) framing = {net::BodyFraming::length, piece.size()};
  const auto begun = co_await exchange.respond(head, framing, piece);
  if (!begun || exchange.request().method == "HEAD") co_return;
  while (!reader.ended()) {
    piece = co_await next(worker, reader);
    if (reader.broken()) co_return exchange.abort();
    const auto sent = co_await exchange.write(piece);
    if (!sent) co_return;
  }
  co_await exchange.finish();
}

net::Awaitable<void> capture(Call& call) {
  const std::optional<std::int64_t> id = parse_id(call.wildcard);
  if (!id) {
    co_await send_error(call.exchange, 400, "invalid capture ID");
    co_return;
  }
  const std::shared_ptr<Captures> captures = call.core.captures;
  const Sight sight = call.sight();
  store::Packed packed = co_await captures->find(*id, sight);
  if (!packed) {
    co_await send_error(call.exchange, 404, "capture not found");
    co_return;
  }
  co_await send_capture(call, std::move(packed));
}

}  // namespace

Routes capture_routes() {
  return {{"GET", "/api/captures/{}", capture, Access::admin}};
}

}  // namespace llama_swap::server
