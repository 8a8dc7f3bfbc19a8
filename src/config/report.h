// Collects what is wrong while a configuration is loaded.
#pragma once

#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "config/load.h"
#include "config/positions.h"

namespace llama_swap::config {

class Report {
 public:
  // `sources` must outlive the report; Mark::source counts in it.
  explicit Report(const std::vector<Source>& sources) : sources_(sources) {}

  // A second error about the same key at the same place is dropped: as a rule it is a consequence
  // of the first.
  void error(Mark at, std::string key, std::string message);
  // A second warning at the same place is dropped: the place is used several times, through an
  // alias.
  void warning(Mark at, std::string key, std::string message);

  bool failed() const { return errors_ > 0; }
  const std::string& source_name(int source) const;
  // Ordered by severity, then place. Leaves the report empty.
  std::vector<Problem> take();

 private:
  void add(Severity severity, Mark at, std::string key, std::string message);

  const std::vector<Source>& sources_;
  std::vector<std::pair<Mark, Problem>> problems_;
  std::set<std::tuple<Severity, Mark, std::string>> known_;  // what must not be said again
  int errors_ = 0;
};

// "parent.key", or "key" at the top.
std::string join_path(const std::string& parent, std::string_view key);
// Whether the value of this key is nobody's business but the user's: it must not get into messages.
bool may_hold_secret(std::string_view key);
// Text as it may be quoted in a message: in double quotes, shortened, control characters escaped.
std::string in_quotes(std::string_view text);

}  // namespace llama_swap::config
