// What stands before every endpoint: may this page ask, whose key is it, does the key open this?
// And what becomes of those who guess keys. I/O thread only.
#pragma once

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
    bool guessed = false;  // a wrong key was shown
  };

  // `core` must outlive the gate.
  explicit Gate(Core& core) : core_(core) {}

  // Nothing: the call may go on, and its caller is set.
  std::optional<Refusal> examine(Call& call, Access access) const;
  // Answers. A guess is logged, and answered late if there were several of late; no more than
  // kMaxDelayed answers are held back at a time, others of that kind are 429. Call and refusal must
  // outlive the awaitable.
  net::Awaitable<void> refuse(Call& call, const Refusal& refusal);
  // The answer to an OPTIONS request. `access`: of what the page asks for; nothing: there is no
  // such route.
  net::Awaitable<void> preflight(net::Exchange& exchange, std::optional<Access> access);
  // What is to be added to the answer of a call that may go on; mostly nothing.
  static ExtraHeaders::Fields extra_headers(const Call& call, Access access);

 private:
  static constexpr int kMaxDelayed = 64;
  net::Awaitable<void> hold_back(Call& call, std::chrono::milliseconds delay);

  Core& core_;
  FailedAttempts attempts_;
  int delayed_ = 0;
};

}  // namespace llama_swap::server
