// HTTP/1 message heads (RFC 9112): strict for requests, because two readings of one request are an
// attack; lenient for answers where only one reading is possible, because model servers are written
// by everybody. And how long the body that follows is. Pure text: no I/O, no allocation but the
// headers vector, which is reused.
//
//   HeadProgress progress;                       // one per connection and direction
//   HeadResult r = parse_request(buffer, head, progress);
//   r.kind == need_more: read more behind what is there, call again with the grown buffer (it may
//   have moved)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/http.h"

namespace llama_swap::net {

inline constexpr std::size_t kMaxHeadBytes =
    64 * 1024;  // a longer head is an error, complete or not
inline constexpr std::size_t kMaxHeaderLines = 1000;

// What earlier calls with the same, shorter buffer have seen; makes the whole of a head that comes
// byte by byte cost O(length). Set back by the parser itself when it answers `done` or `error`.
struct HeadProgress {
  std::size_t begin =
      0;  // where the first line starts, after the empty lines a request may begin with
  std::size_t searched = 0;  // no end of head before this offset; 0: not looked at yet
};

struct HeadResult {
  enum Kind { need_more, done, error };
  Kind kind = need_more;
  std::size_t consumed = 0;  // done: the body starts at this offset of the buffer
  int status = 0;            // error: the status to answer with: 400, 431 or 505; then close
  std::string_view reason;   // error: a static text for log and answer
};

// The answer of an upstream as it stands on the wire: unlike in its base, `headers` has all fields,
// those of framing and connection, too. `reason` may be empty.
struct ReceivedHead : ResponseHead {
  int version_minor = 1;  // 0 or 1
};

// On `done` the views in `out` point into `buffer`. On anything else `out` is unspecified. Refused
// (400 unless said):
//   - line ends other than CRLF, folded lines, white space before the colon or in front of a name,
//   lines without
//     colon, names that are not tokens, control characters (NUL, bare CR) in values
//   - request lines that are not exactly "token SP target SP HTTP/1.x"; another version: 505
//   - targets with bytes outside 0x21-0x7e; origin form, absolute form (http, https, valid
//   authority without user),
//     "*" with OPTIONS, host:port with CONNECT: nothing else
//   - no Host in HTTP/1.1, more than one Host, a Host that is not host[:port] (empty is allowed,
//   RFC 9112 3.2)
//   - more than kMaxHeadBytes or kMaxHeaderLines: 431
// In absolute form the target's authority is the true host; it is the caller's to use it instead of
// Host.
HeadResult parse_request(std::string_view buffer, RequestHead& out, HeadProgress& progress);

// Errors have status 502. Accepted besides the exact form: bare LF as line end, a status line
// without reason or without the space before it, more than one space before the status, white space
// before a colon, folded lines: their line ends are overwritten with spaces in `buffer`, so that
// the value is one line. Refused: control characters in values, lines without colon, versions other
// than HTTP/1.0 and 1.1.
HeadResult parse_response(std::span<char> buffer, ReceivedHead& out, HeadProgress& progress);

// How the body after a head ends (RFC 9112 6.3).
struct MessageFraming {
  enum Kind { none, length, chunked, until_close, error };
  Kind kind = none;
  std::uint64_t length_bytes = 0;  // of kind length; at most 2^63-1
  std::string_view reason;         // of kind error: a static text
};

// none, length, chunked or error (answer 400 and close). An error are: both Content-Length and
// Transfer-Encoding, more than one of either, a Content-Length that is not only digits or too
// large, a Transfer-Encoding other than `chunked` or in HTTP/1.0.
MessageFraming request_framing(const RequestHead& head);

// `method` is that of the request. 1xx, 204, 304, answers to HEAD and 2xx to CONNECT: none.
// Transfer-Encoding wins over Content-Length; `identity` counts as absent. An error (a broken
// upstream) are: Content-Lengths that differ or are not numbers, whatever else is there; codings
// other than one `chunked`.
MessageFraming response_framing(const ReceivedHead& head, std::string_view method);

// Is `text` a valid value of Host: host[:port], [v6]:port, or empty?
bool is_valid_host(std::string_view text);

// What parse_request() would refuse in a head that came another way (HTTP/2), but for the form of
// lines: methods and names that are not tokens, bytes that may not stand in targets and values, bad
// targets and hosts, unclear framing. A static text; empty: nothing.
std::string_view fault_of(const RequestHead& head);

}  // namespace llama_swap::net
