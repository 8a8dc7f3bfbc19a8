// The head of a request and of a response, whatever HTTP version carried it (RFC 9110).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llama_swap::net {

// Both views point into memory owned by somebody else (the connection's buffer, a string literal,
// ...).
struct Header {
  std::string_view name;
  std::string_view value;  // without surrounding white space
};
using Headers = std::vector<Header>;

// Names a request in logs, on its way through several servers.
inline constexpr std::string_view kRequestIdField = "X-Request-ID";

// First value of that name (any case), or nullptr.
const std::string_view* find_header(const Headers& headers, std::string_view name);
// Is `token` (any case) an item of one of the comma lists of that name? ("Connection: a, Upgrade")
bool header_has_token(const Headers& headers, std::string_view name, std::string_view token);

struct RequestHead {
  std::string_view method;
  std::string_view target;  // as on the wire: "/path?query", or "*", or absolute form
  int version_minor = 1;    // HTTP/1.x; 1 for later versions
  Headers headers;          // in order, as sent

  // The escaped path and query of `target` (absolute form and fragment removed). Query without '?'.
  std::string_view path() const;
  std::string_view query() const;
  const std::string_view* find(std::string_view name) const { return find_header(headers, name); }
};

struct ResponseHead {
  int status = 200;
  std::string_view reason;  // empty: the standard phrase
  Headers
      headers;  // without Content-Length, Transfer-Encoding, Connection: the exchange writes those

  const std::string_view* find(std::string_view name) const { return find_header(headers, name); }
};

// The standard reason phrase; "" for an unknown status.
std::string_view reason_phrase(int status);
// Answers with this status have no body, whatever their head says.
constexpr bool is_bodiless(int status) {
  return status < 200 || status == 204 || status == 304;
}
// What Date says this second (RFC 9110 5.6.7). Valid until the next call. I/O thread only.
std::string_view http_date();

// First value of `key` in an urlencoded text (a query, a form body): '+' and %XX undone. Pieces
// with a broken escape or a semicolon do not count.
std::optional<std::string> form_value(std::string_view urlencoded, std::string_view key);

}  // namespace llama_swap::net
