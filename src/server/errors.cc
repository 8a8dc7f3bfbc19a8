#include "server/errors.h"

#include "server/answer.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

struct Kind {
  std::string_view type;
  std::string_view code;
};

Kind kind_of(int status) {
  switch (status) {
    case 400:
      return {"invalid_request_error", "bad_request"};
    case 401:
      return {"authentication_error", "unauthorized"};
    case 403:
      return {"authentication_error", "forbidden"};
    case 404:
      return {"invalid_request_error", "not_found"};
    case 409:
      return {"invalid_request_error", "conflict"};
    case 429:
      return {"rate_limit_error", "rate_limit_exceeded"};
    case 502:
      return {"server_error", "bad_gateway"};
    case 503:
      return {"server_error", "service_unavailable"};
    case 504:
      return {"server_error", "gateway_timeout"};
    default:
      break;
  }
  if (status >= 400 && status < 500) return {"invalid_request_error", "invalid_request"};
  return {"server_error", "internal_error"};
}

std::string envelope(Kind kind, std::string_view message) {
  return dump(
      Json{{"src", "llama-swap"},
           {"error",
            {{"message", message}, {"type", kind.type}, {"param", nullptr}, {"code", kind.code}}}});
}

std::string html_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string error_envelope(int status, std::string_view message) {
  return envelope(kind_of(status), message);
}

std::string too_many_envelope() {
  return envelope({"rate_limit_error", "concurrency_limit"}, "Too many requests");
}

ErrorBody error_body(std::string_view accept, int status, std::string_view message) {
  if (accept.find("text/plain") != std::string_view::npos)
    return {"text/plain", "llama-swap: " + std::string(message)};
  if (accept.find("text/html") != std::string_view::npos)
    return {"text/html",
            "<html><body><h1>llama-swap</h1><p>" + html_escape(message) + "</p></body></html>"};
  return {kJson, error_envelope(status, message)};
}

net::Awaitable<void> send_error(net::Exchange& exchange, int status, std::string message,
                                net::Headers extra) {
  const std::string_view* accept = exchange.request().find("Accept");
  ErrorBody body = error_body(accept ? *accept : std::string_view(), status, message);
  co_await send(exchange, status, body.content_type, std::move(body.text), std::move(extra));
}

net::Awaitable<void> send_too_many(net::Exchange& exchange) {
  net::Headers extra;
  extra.push_back({"Retry-After", "1"});
  std::string body = too_many_envelope();
  co_await send(exchange, 429, kJson, std::move(body), std::move(extra));
}

int refusal_status(const swap::Refusal& refusal) {
  switch (refusal.kind) {
    case swap::Refusal::unknown_model:
      return 404;
    case swap::Refusal::too_many:
      return 429;
    case swap::Refusal::start_failed:
    case swap::Refusal::unloaded:
    case swap::Refusal::shutting_down:
      return 500;
  }
  return 500;
}

net::Awaitable<void> send_refusal(net::Exchange& exchange, const swap::Refusal& refusal) {
  const int status = refusal_status(refusal);
  if (status == 429) {
    co_await send_too_many(exchange);
  } else {
    std::string message = refusal.message;
    co_await send_error(exchange, status, std::move(message));
  }
}

net::Awaitable<void> send_body_error(net::Exchange& exchange, util::Error error) {
  using util::Errc;
  if (error.code == Errc::closed || error.code == Errc::cancelled) co_return;
  int status = 500;
  if (error.code == Errc::too_large) status = 413;
  if (error.code == Errc::timed_out) status = 408;
  if (error.code == Errc::invalid) status = 400;
  if (error.code == Errc::unavailable) status = 503;
  std::string message = "could not read request body: " + error.message;
  co_await send_error(exchange, status, std::move(message));
}

}  // namespace llama_swap::server
