// What is shown of the headers of requests and answers, in the list of running requests and in
// captures (http-api 18.1, 21.3). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/exchange.h"
#include "net/http.h"
#include "server/answer.h"

namespace llama_swap::server {

// Which headers carry secrets: those whose names say so, and those that are configured.
class Redaction {
 public:
  static constexpr std::string_view kInstead = "[REDACTED]";

  Redaction() = default;
  explicit Redaction(std::vector<std::string> more) : more_(std::move(more)) {}

  // The value, or kInstead.
  std::string_view shown(std::string_view name, std::string_view value) const;

 private:
  std::vector<std::string> more_;  // names, in any case
};

// "content-type" as "Content-Type".
std::string canonical_header_name(std::string_view name);
// An object: canonical names, the first value of each. Of all together at most `most` bytes,
// counted as in RFC 9113, 6.5.2 (32 more for each): the value that goes beyond is cut, the rest
// left out.
Json headers_json(const net::Headers& headers, const Redaction& redaction,
                  std::size_t most = std::string_view::npos);

// Headers as one text that can be kept: name, 0, value, 0, ...
std::string flatten(const net::Headers& headers);
// Those of an answer, with its Content-Length if it has one.
std::string flatten(const net::ResponseHead& head, const net::BodyFraming& framing);
// Views into `flat`.
net::Headers unflatten(std::string_view flat);

}  // namespace llama_swap::server
