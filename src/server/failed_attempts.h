// Slows down who guesses keys: an address that has shown several wrong ones of late is locked for a
// while, and its keys are not looked at then, right ones neither: else an answer, or none, would
// tell which they are. Pure: time comes in.
//
// A wrong key that is shown again is no new guess: a program that was set up wrongly, behind the
// same address, must not lock out the others. Bounded: kMaxAddresses are remembered, the longest
// quiet ones are forgotten first. IPv6 clients have as many addresses as they like: those of one
// /64 count as one.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "util/sha256.h"
#include "util/time.h"

namespace llama_swap::server {

class FailedAttempts {
 public:
  static constexpr std::size_t kMaxAddresses = 1024;
  static constexpr int kFree = 4;                        // wrong keys that cost nothing
  static constexpr std::chrono::seconds kForgotten{60};  // without a wrong key
  static constexpr std::chrono::milliseconds kFirst{500};
  static constexpr std::chrono::milliseconds kLongest{8000};

  struct Outcome {
    std::chrono::milliseconds lock{0};  // from now on; 0: none
    bool is_news = false;               // worth a line in the log: the first, and each that locks
  };

  // 0: not locked, at most kLongest.
  std::chrono::milliseconds locked_for(std::string_view address, util::Time now) const;
  // One more wrong key from this address, which is not locked.
  Outcome record(std::string_view address, const util::Sha256& key, util::Time now);
  std::size_t addresses() const { return by_age_.size(); }

 private:
  struct Record {
    std::string address;
    int count = 0;
    util::Time last{};
    util::Time locked_until{};
    util::Sha256 key{};  // the last one
  };
  std::list<Record> by_age_;  // the latest first
  std::unordered_map<std::string, std::list<Record>::iterator> known_;
};

}  // namespace llama_swap::server
