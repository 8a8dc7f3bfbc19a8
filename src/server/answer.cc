#include "server/answer.h"

#include <fmt/format.h>

#include <array>

namespace llama_swap::server {

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

net::Awaitable<void> send(net::Exchange& exchange, int status, std::string_view content_type,
                          std::string body, net::Headers extra) {
  net::ResponseHead head;
  head.status = status;
  head.headers = std::move(extra);
  if (!content_type.empty()) head.headers.push_back({"Content-Type", content_type});
  const net::BodyFraming framing{net::BodyFraming::length, body.size()};
  co_await exchange.respond(head, framing, body);
}

net::Awaitable<void> send_json(net::Exchange& exchange, Json value, net::Headers extra) {
  std::string body = dump(value) + "\n";
  co_await send(exchange, 200, kJson, std::move(body), std::move(extra));
}

net::Awaitable<void> send_redirect(net::Exchange& exchange, int status, std::string location) {
  location = safe_location(location);
  net::ResponseHead head;
  head.status = status;
  head.headers.push_back({"Location", location});
  const net::BodyFraming framing{net::BodyFraming::length, 0};
  co_await exchange.respond(head, framing);
}

std::string safe_location(std::string_view location) {
  std::string out;
  out.reserve(location.size());
  for (const char c : location) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte >= 0x7f || c == '\\') {
      out += fmt::format("%{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

net::Awaitable<util::Result<std::string>> read_small_body(net::Exchange& exchange,
                                                          std::size_t limit) {
  std::string body;
  std::array<char, 4096> piece;
  for (;;) {
    const auto n = co_await exchange.read_body(piece);
    if (!n) co_return tl::unexpected(n.error());
    if (*n == 0) co_return body;
    if (body.size() + *n > limit)
      co_return util::fail(util::Errc::too_large, "request body too large");
    body.append(piece.data(), *n);
  }
}

}  // namespace llama_swap::server
