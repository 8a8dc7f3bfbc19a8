// The one way expected failures travel: as values. Exceptions are for broken invariants and for
// start-up.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace llama_swap::util {

// What kind of failure it was, as far as a caller acts on it. The text says the rest.
enum class Errc {
  invalid,      // the input is wrong; trying again is no use
  not_found,    //
  conflict,     // something else is in the way (a port in use, a name taken)
  refused,      // nobody listens there, or the other side said no
  closed,       // the other side ended the conversation
  timed_out,    //
  cancelled,    // we, or the client, gave up
  too_large,    // over a limit
  unavailable,  // not now
  io,           // the operating system said no; the text has its words
  internal,
};

struct Error {
  Errc code = Errc::internal;
  std::string message;

  // The same error with the place it was met in front: "model qwen: health check: connection
  // refused".
  Error in(std::string_view context) const { return {code, std::string(context) + ": " + message}; }
};

template <class T = void>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Errc code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}
// From errno (or another system error number): "<what>: <strerror>".
tl::unexpected<Error> fail_errno(int error_number, std::string_view what);

}  // namespace llama_swap::util
