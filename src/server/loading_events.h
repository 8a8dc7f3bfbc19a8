// The loading of a model as events that the client of an endpoint takes for a part of its stream,
// before the stream of the model server itself (http-api 9.5).
//
//   chat         a chunk whose delta is reasoning
//   completions  a chunk with no text, as that would become part of a completion
//   messages     ping, which clients skip: a message of ours could not be continued by the server
//   responses    a comment, as clients take the first event for the beginning of the response
//
// All carry the facts, in a member `llama_swap` or in the comment: model, loading (the text),
// waiting_for, blockers, queue_position, elapsed_seconds, expected_seconds (until it is ready, from
// measured loads).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/answer.h"
#include "server/dialect.h"
#include "swap/swap.h"
#include "util/time.h"

namespace llama_swap::server {

class LoadingEvents {
 public:
  // `dialect` is not `other`. `created`: seconds since the epoch.
  LoadingEvents(Dialect dialect, std::string model, std::int64_t created, util::Time began);

  // The event that says `text`; "" for an empty text. `wait` is null when the waiting is over.
  std::string event(std::string_view text, const swap::Wait* wait, util::Time now) const;

 private:
  Json facts(std::string_view text, const swap::Wait* wait, util::Time now) const;

  const Dialect dialect_;
  const std::string model_;
  const std::int64_t created_;
  const util::Time began_;
};

}  // namespace llama_swap::server
