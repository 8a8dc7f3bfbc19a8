// Slows down who guesses keys: the answers to wrong keys of an address that has shown several of
// late. Pure: time comes in. Right keys are nobody's business here.
//
// Bounded: kMaxAddresses are remembered, the longest quiet ones are forgotten first. IPv6 clients
// have as many addresses as they like: those of one /64 count as one.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "util/time.h"

namespace llama_swap::server {

class FailedAttempts {
 public:
  static constexpr std::size_t kMaxAddresses = 1024;
  static constexpr int kFree = 5;                        // wrong keys that cost nothing
  static constexpr std::chrono::seconds kForgotten{60};  // without a wrong key
  static constexpr std::chrono::milliseconds kFirst{500};
  static constexpr std::chrono::milliseconds kLongest{8000};

  // One more from this address. How long its answer is to be held back.
  std::chrono::milliseconds record(std::string_view address, util::Time now);
  std::size_t addresses() const { return by_age_.size(); }

 private:
  struct Record {
    std::string address;
    int count = 0;
    util::Time last;
  };
  std::list<Record> by_age_;  // the latest first
  std::unordered_map<std::string, std::list<Record>::iterator> known_;
};

}  // namespace llama_swap::server
