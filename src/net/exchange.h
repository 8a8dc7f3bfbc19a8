// One request and its response, independent of the HTTP version. A handler gets an Exchange, reads
// what it wants of the body, answers, and returns; the connection does the rest (draining,
// keep-alive, closing).
//
// I/O thread only. The exchange outlives the handler's coroutine. Every awaitable ends soon after
// the client has gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http.h"
#include "net/loop.h"
#include "util/result.h"

namespace llama_swap::net {

class Stream;

// How the body of a response is delimited.
struct BodyFraming {
  enum Kind {
    none,     // no body at all (204, 304, answers to HEAD)
    length,   // exactly `length_bytes` are written
    unknown,  // ends with finish(); the exchange frames it (chunked, DATA frames, or closing for
              // HTTP/1.0)
    chunked,  // what is written is already in chunked coding, last chunk and trailers included;
              // only if takes_chunked()
  };
  Kind kind = unknown;
  std::uint64_t length_bytes = 0;  // of kind length
};

class Exchange {
 public:
  virtual ~Exchange() = default;

  // ---- the request. Views stay valid as long as the exchange.
  virtual const RequestHead& request() const = 0;
  virtual std::string_view protocol() const = 0;   // "HTTP/1.1", "HTTP/1.0", "HTTP/2.0"
  virtual std::string_view remote_ip() const = 0;  // of the socket; empty for a unix socket
  virtual bool has_body() const = 0;
  virtual std::optional<std::uint64_t> content_length() const = 0;  // nothing: none given
  // The next piece of the body, decoded; 0 bytes = end. The first call answers "Expect:
  // 100-continue". Errors: too_large (over the limit of the listener; answer 413), closed,
  // timed_out, invalid (broken framing).
  virtual Awaitable<util::Result<std::size_t>> read_body(std::span<char> buffer) = 0;

  // ---- the response
  // Head and, in the same write, the first piece of the body. Once per exchange. For HEAD requests
  // the body is swallowed here, whatever the handler writes. Result false-like: the client is gone.
  virtual Awaitable<util::Result<void>> respond(const ResponseHead& head, BodyFraming framing,
                                                std::string_view first = {}) = 0;
  // Writes what the socket takes at once and returns the number of bytes taken (maybe 0); the
  // caller passes the rest to write(). Never suspends: the hot path of streams. -1: the client is
  // gone.
  virtual std::ptrdiff_t try_write(std::string_view data) = 0;
  virtual Awaitable<util::Result<void>> write(std::string_view data) = 0;
  // The body is complete. Needed after `unknown`; harmless otherwise.
  virtual Awaitable<util::Result<void>> finish() = 0;
  // 1xx answers (100 is the exchange's own).
  virtual Awaitable<util::Result<void>> inform(const ResponseHead& head) = 0;
  // Ends the exchange so that the client can tell that the answer is incomplete (RST, no last
  // chunk).
  virtual void abort() = 0;
  virtual bool takes_chunked() const = 0;

  // Switches protocols: writes the 101 head and gives the raw stream, which lives as long as the
  // exchange; `early` gets what the client sent already. Errors: invalid when this HTTP version
  // cannot.
  virtual Awaitable<util::Result<Stream*>> upgrade(const ResponseHead& head,
                                                   std::string& early) = 0;

  // Sent along with the head of the answer, as X-Request-ID, unless the head has one. The id of the
  // exchange that writes to the client counts, not that of one in front of it.
  void set_request_id(std::string_view id) { request_id_ = id; }
  std::string_view request_id() const { return request_id_; }  // "": none

  int status() const { return status_; }  // 0: not answered yet
  // Of the response body. With framing `chunked` only the writer knows what is payload: it says so.
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  void count_payload(std::uint64_t bytes) { bytes_sent_ += bytes; }
  bool responded() const { return status_ != 0; }

  // ---- the client
  // From now on until the next call (nullptr ends it) `gone` is called when the client closes;
  // noticed within about 200 ms. At most once. Must not destroy the exchange.
  virtual void watch_client(std::function<void()> gone) = 0;
  // Asks for that news without the delay, at the price of a system call. While a client is watched.
  virtual void watch_closely() = 0;
  // Looks now, once. True: the client has left; `gone` has been called, by now if not before.
  virtual bool look_for_client() = 0;
  virtual bool client_gone() const = 0;

 protected:
  int status_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::string request_id_;
};

using Handler = std::function<Awaitable<void>(Exchange&)>;

}  // namespace llama_swap::net
