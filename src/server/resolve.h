// From the name in a request to the one that serves it: the pin of the active profile, then the
// choice of a selector (http-api 7.1, 7.3).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/context.h"
#include "server/selector.h"

namespace llama_swap::server {

struct ResolvedName {
  std::string requested;  // as the client wrote it
  std::string pinned;     // what the active profile makes of it; "": it disables it
  std::string selector;   // the id of the selector that `pinned` is; "": none
  std::string target;  // what it chose, as configured, or else `pinned`: this is served, and this
                       // is what filters.setParamsByID knows
};

// All but the choice of a selector. `profile`: the active one, may be null.
ResolvedName resolve_name(const config::Config& config, const config::Profile* profile,
                          std::string requested);

// The targets of one request to a selector, one after the other. While it lives, its request counts
// as running at the last one. Call and selector must outlive it.
class Selection {
 public:
  Selection(Call& call, const config::Selector& selector);

  // False: the caller may use none of the targets, so that for it there is no such selector.
  bool is_visible() const;
  // One that has not been tried, and that the caller may use. Errors: unavailable, with the text
  // for the client (503).
  util::Result<std::string> next();
  // Is another one to be tried where one cannot be reached?
  bool goes_on() const { return selector_.retry_after.count() > 0; }

 private:
  Candidate candidate(std::size_t index) const;

  Call& call_;
  const config::Selector& selector_;
  std::vector<bool> tried_;  // or not for the caller
  SelectorTable::Reservation reservation_;
};

}  // namespace llama_swap::server
