// Errors made by the proxy itself (http-api 3): which status has which type and code, and the three
// ways to say it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/exchange.h"
#include "server/dialect.h"
#include "swap/swap.h"

namespace llama_swap::server {

struct Problem {
  Problem(int the_status, std::string the_message)
      : status(the_status), message(std::move(the_message)) {}

  int status;
  std::string message;
  std::string_view code = {};             // "": that of the status
  std::vector<std::string> details = {};  // more lines; shown in JSON only
  std::string_view retry_after = {};      // seconds; "": no such header
  bool always_json = false;               // whatever the client accepts
};

// {"src":"llama-swap","error":{"message","type","param","code"[,"details"]}} on one line, without a
// line feed. For `messages` with the types of that API and "type":"error", so that clients of
// either kind find what they look for.
std::string error_json(Dialect dialect, const Problem& problem);

struct ErrorBody {
  std::string_view content_type;
  std::string text;
};
// Chosen by the Accept header: text/plain, text/html, else JSON. Plain substring search, first hit
// wins.
ErrorBody error_body(std::string_view accept, Dialect dialect, const Problem& problem);

// The type of that body, as an answer to this request.
std::string_view error_type(const net::RequestHead& head, const Problem& problem);

net::Awaitable<void> send_problem(net::Exchange& exchange, Problem problem,
                                  net::Headers extra = {});
net::Awaitable<void> send_error(net::Exchange& exchange, int status, std::string message,
                                net::Headers extra = {});

// What a refused admission is to the client.
Problem problem_of(const swap::Refusal& refusal);

// 403 to a key that opens only some models: this is about all of them, or the daemon as a whole.
net::Awaitable<void> send_needs_all_models(net::Exchange& exchange);

// For a body that could not be read: 413, 408, 400 or, when the client has gone, nothing.
net::Awaitable<void> send_body_error(net::Exchange& exchange, util::Error error);

}  // namespace llama_swap::server
