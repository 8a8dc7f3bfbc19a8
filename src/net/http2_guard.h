// How much of what is cheap for a client and not for us one HTTP/2 connection may bring. Time is
// passed in; no I/O.
#pragma once

#include <chrono>
#include <cstddef>

#include "util/time.h"

namespace llama_swap::net {

// A supply that refills with time, up to its capacity.
class TokenBucket {
 public:
  TokenBucket(double capacity, double per_second)
      : capacity_(capacity), per_second_(per_second), tokens_(capacity) {}
  // False: there is not so much left, and nothing is taken.
  bool take(util::Time now, double tokens = 1);
  void give(double tokens);

 private:
  const double capacity_;
  const double per_second_;
  double tokens_;
  util::Time at_{};  // of the last refill; zero: none yet
};

class Http2Guard {
 public:
  // All answer false when it was too much: the connection is to end with ENHANCE_YOUR_CALM.

  // A stream was reset by the client, or had to be for what the client sent on it: work begun for
  // nothing ("rapid reset", CVE-2023-44487; by provoked resets CVE-2025-8671, CVE-2019-9514).
  bool reset(util::Time now) { return resets_.take(now); }
  // A frame that brings no request on: PING, SETTINGS, PRIORITY, DATA without data
  // (CVE-2019-9512, -9515, -9513, -9518).
  bool idle_frame(util::Time now) { return idle_frames_.take(now); }
  // WINDOW_UPDATE: clients send one or two for each DATA frame that they get.
  bool window_update(util::Time now) { return window_updates_.take(now); }
  // So many bytes of a head that is no small one any more, as decoded: a client needs one byte to
  // have us look at a whole entry of its table (CVE-2016-6581).
  bool large_head(std::size_t bytes, util::Time now) {
    return head_bytes_.take(now, static_cast<double>(bytes));
  }
  // A head so large that only the table can have made it.
  bool head_bomb(util::Time now) { return head_bombs_.take(now); }

  // What entitles the client to more frames of that kind.
  void request_began();
  void data_sent() { window_updates_.give(10); }

 private:
  TokenBucket resets_{1000, 100};
  TokenBucket idle_frames_{1000, 100};
  TokenBucket window_updates_{10000, 1000};
  // 128 streams may begin with the largest head that is answered.
  TokenBucket head_bytes_{8 << 20, 8 << 20};
  TokenBucket head_bombs_{8, 0.1};
};

}  // namespace llama_swap::net
