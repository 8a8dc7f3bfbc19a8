// What a request may do now. Pure: facts in, a decision with its reason out (spec runtime 7.2,
// design 7).
//
// Two decisions, because the first is taken once and the second again whenever something has
// changed:
//   reject()  may the request come in at all?
//   decide()  what may an admitted request do now?
#pragma once

#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "sched/types.h"
#include "util/time.h"

namespace llama_swap::sched {

// A model of which something runs.
struct Resident {
  enum State {
    starting,
    ready,
    leaving,  // being stopped, or ended by itself and not cleared away yet
  };
  ModelId model = 0;
  State state = ready;
  bool busy = false;      // ready with requests in flight: a swap may not stop it
  bool draining = false;  // takes no new requests (its launch settings are out of date)
  bool stuck = false;     // killed, but does not go
  util::Time keep_until = util::Time::min();  // a swap may not stop it before
};

// Something decided that has not come to its end: those it touches must not be touched by others.
struct Claim {
  ModelId target = 0;
  Models evicts;
  // false: a swap in progress. true: a queued request that is next because it is overdue: it cannot
  // go on yet, but whatever conflicts with it has to wait, as if its swap had begun. This is what
  // bounds waiting.
  bool overdue = false;
};

struct Facts {
  util::Time now;
  std::vector<Resident> residents;
  std::vector<Claim>
      claims;  // swaps in progress; then overdue requests with precedence over the one in question
};

// Go ahead: the model is ready and nobody is in the way.
struct Serve {};
// A swap to its model is in progress: share its fate.
struct Join {};
// Begin a swap: stop those of `displaced` that still run, wait until all of them are gone, make the
// model ready.
struct Start {
  Models displaced;
};
// Stay in the queue. `blockers`: the models it waits for.
struct Wait {
  WaitReason why;
  Models blockers;
};
struct Reject {
  RefuseReason why;
};
using Decision = std::variant<Serve, Join, Start, Wait, Reject>;

// "ready", "load", "start" or "swap", or the text of the reason.
std::string_view reason(const Decision& decision);

struct Admission {
  bool shutting_down = false;
  bool known = true;  // the model is configured
  int reserved = 0;   // requests of the model that wait or are being served
  int limit = 10;
};
// The order is visible to clients (spec runtime 7.1).
std::optional<Reject> reject(const Admission& admission);

// Would a swap to `target` that displaces `evictions` get in the way of `claim`, or the other way
// round?
bool conflicts(ModelId target, const Models& evictions, const Claim& claim);

// `evictions`: what the policy says must go for `target`, given everything that runs or is about
// to. Never Reject.
Decision decide(ModelId target, const Models& evictions, const Facts& facts);

// Which models a request for `target` that comes in now would cause to stop, now or when its turn
// has come. Not those that are leaving anyway, nor, where its swap is in progress, what others have
// decided before. But an overdue request that is next and needs `target` gone: to be served after
// it, `target` would have to displace what it has loaded.
Models displaced(ModelId target, const Models& evictions, const Facts& facts);

// Is `model` in the sorted set?
bool contains(const Models& models, ModelId model);

}  // namespace llama_swap::sched
