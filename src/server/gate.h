// What stands before every endpoint: may this page ask, whose key is it, does the key open this?
// And what becomes of those who guess keys. I/O thread only.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "server/context.h"
#include "server/extra_headers.h"
#include "server/failed_attempts.h"

namespace llama_swap::server {

class Gate {
 public:
  struct Refusal {
    int status = 403;
    std::string message;
    std::chrono::seconds retry_after{0};  // 0: at no certain time
  };

  // `core` must outlive the gate.
  explicit Gate(Core& core) : core_(core) {}

  // May who sends this request come in, as far as `site` tells: page, key, role? Nothing: no.
  // Guesses do not count here.
  static std::optional<Caller> admitted(const net::Exchange& exchange, const Site& site,
                                        Access access);

  // Nothing: the call may go on, and its caller is set. While an address is locked
  // (failed_attempts.h), keys from there are not looked at: 429.
  std::optional<Refusal> examine(Call& call);
  // Answers. Call and refusal must outlive the awaitable.
  net::Awaitable<void> refuse(Call& call, const Refusal& refusal);
  // The answer to an OPTIONS request. `open`: foreign pages, too, may use what is there.
  net::Awaitable<void> preflight(net::Exchange& exchange, bool open);
  // What is to be added to the answer of a call that may go on; mostly nothing.
  static ExtraHeaders::Fields extra_headers(const Call& call);
  // The core's site has taken the place of `before`. Endless streams whose callers are not admitted
  // any more, or see something else now, end, so that their clients ask again; all others go on
  // with the new site.
  void judge_streams_anew(const Site& before);

 private:
  std::optional<Refusal> identify(Call& call);

  Core& core_;
  FailedAttempts attempts_;
};

}  // namespace llama_swap::server
