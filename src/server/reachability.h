// Who could not be reached, since when and why: from the requests that were sent there. Nobody is
// asked for it, so a silence says nothing. A pure value: the time comes in.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "util/time.h"

namespace llama_swap::server {

class Reachability {
 public:
  struct Failure {
    util::Time since;  // the first one in a row
    util::Time last;   // the last one, or the last try
    std::string why;   // the last one
  };

  // It could not be reached. True: that is news.
  bool failed(const std::string& name, std::string why, util::Time now);
  // It is being tried again. Until that is decided it counts as failed now, so that not everybody
  // waits for the same dead end.
  void trying(std::string_view name, util::Time now);
  // It was reached. True: that is news.
  bool reached(std::string_view name);

  // Null: as far as is known, it can be reached.
  const Failure* failure(std::string_view name) const;
  // Did it fail less than `pause` before `now`?
  bool failed_lately(std::string_view name, std::chrono::milliseconds pause, util::Time now) const;

  // It is not what it was: nothing is known of it.
  void forget(std::string_view name);
  void forget_all() { failures_.clear(); }

 private:
  std::map<std::string, Failure, std::less<>> failures_;
};

}  // namespace llama_swap::server
