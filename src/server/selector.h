// Which target of a selector a request goes to (http-api 7.3): choose() decides, from facts alone;
// SelectorTable keeps those facts that nobody else knows: how many requests of a selector run at
// which of its targets, and whose turn it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "config/config.h"
#include "util/result.h"

namespace llama_swap::server {

// What counts about one target.
struct Candidate {
  enum class State { stopped, starting, ready, stopping, peer };
  State state = State::stopped;
  int running = 0;       // requests of this selector that run there
  bool shunned = false;  // could not be reached a moment ago: only where there is no other
  bool tried = false;    // by this request, in vain
};

struct Choice {
  std::size_t target = 0;  // index of a candidate
  bool took_turn = false;  // of the round robin: the next request gets turn + 1
};

// One candidate for each target, in the same order. `turn` grows with every round robin.
// Errors: unavailable, with the text for the client (503).
util::Result<Choice> choose(const config::Selector& selector, std::span<const Candidate> candidates,
                            std::uint64_t turn);

// Outlives reloads. I/O thread only.
class SelectorTable {
  struct Counts {
    std::map<std::string, int, std::less<>> running;  // by target; never 0
    std::uint64_t turn = 0;
  };

 public:
  // A request that runs at a target. Its destruction takes it off the count; it may outlive the
  // table.
  class Reservation {
   public:
    Reservation() = default;  // of nothing
    Reservation(Reservation&&) = default;
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { release(); }
    void release();

   private:
    friend class SelectorTable;
    std::shared_ptr<Counts> counts_;  // null: of nothing
    std::string target_;
  };

  // A target is known by its real id, or the full name of a peer's model: what a reload does not
  // change.
  int running(std::string_view selector, std::string_view target) const;
  std::uint64_t turn(std::string_view selector) const;
  Reservation reserve(const std::string& selector, std::string target, bool took_turn);
  // Forgets the selectors that this configuration does not have.
  void keep_those_of(const config::Config& config);

 private:
  // Shared with the reservations.
  std::map<std::string, std::shared_ptr<Counts>, std::less<>> selectors_;
};

}  // namespace llama_swap::server
