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

// https://docs.anthropic.com/en/api/errors
std::string_view anthropic_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
      return "overloaded_error";
    case 504:
      return "timeout_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
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

constexpr std::string_view kPlain = "text/plain";
constexpr std::string_view kHtml = "text/html";

std::string_view error_type(std::string_view accept, const Problem& problem) {
  if (problem.always_json) return kJson;
  if (accept.find(kPlain) != std::string_view::npos) return kPlain;
  if (accept.find(kHtml) != std::string_view::npos) return kHtml;
  return kJson;
}

std::string_view accept_of(const net::RequestHead& head) {
  const std::string_view* const accept = head.find("Accept");
  return accept ? *accept : "";
}

}  // namespace

std::string error_json(Dialect dialect, const Problem& problem) {
  const Kind kind = kind_of(problem.status);
  const bool anthropic = dialect == Dialect::messages;
  Json error{{"message", problem.message},
             {"type", anthropic ? anthropic_type(problem.status) : kind.type},
             {"param", nullptr},
             {"code", problem.code.empty() ? kind.code : problem.code}};
  if (!problem.details.empty()) error["details"] = problem.details;
  Json whole = Json::object();
  if (anthropic) whole["type"] = "error";
  whole["src"] = "llama-swap";
  whole["error"] = std::move(error);
  return dump(whole);
}

ErrorBody error_body(std::string_view accept, Dialect dialect, const Problem& problem) {
  const std::string_view type = error_type(accept, problem);
  if (type == kPlain) return {type, "llama-swap: " + problem.message};
  if (type == kHtml)
    return {type, "<html><body><h1>llama-swap</h1><p>" + html_escape(problem.message) +
                      "</p></body></html>"};
  return {type, error_json(dialect, problem)};
}

std::string_view error_type(const net::RequestHead& head, const Problem& problem) {
  return error_type(accept_of(head), problem);
}

net::Awaitable<void> send_problem(net::Exchange& exchange, Problem problem, net::Headers extra) {
  const net::RequestHead& head = exchange.request();
  ErrorBody body = error_body(accept_of(head), dialect_of(head.path()), problem);
  if (!problem.retry_after.empty()) extra.push_back({"Retry-After", problem.retry_after});
  co_await send(exchange, problem.status, body.content_type, std::move(body.text),
                std::move(extra));
}

net::Awaitable<void> send_error(net::Exchange& exchange, int status, std::string message,
                                net::Headers extra) {
  return send_problem(exchange, Problem(status, std::move(message)), std::move(extra));
}

net::Awaitable<void> send_needs_all_models(net::Exchange& exchange) {
  return send_error(exchange, 403, "this needs a key that opens all models");
}

Problem problem_of(const swap::Refusal& refusal) {
  Problem out(500, refusal.message);
  switch (refusal.kind) {
    case swap::Refusal::unknown_model:
      out.status = 404;
      break;
    case swap::Refusal::too_many:
      out.status = 429;
      out.code = "concurrency_limit";
      out.retry_after = "1";
      out.always_json = true;
      break;
    case swap::Refusal::start_failed:
      out.status = 503;
      out.details = refusal.output;
      out.retry_after = "5";
      break;
    case swap::Refusal::unloaded:
    case swap::Refusal::shutting_down:
      break;
  }
  return out;
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
