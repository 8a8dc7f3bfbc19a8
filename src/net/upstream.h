// One origin server: where it listens, and a pool of connections to it. I/O thread only.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "net/http1_head.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer_wheel.h"
#include "net/url.h"
#include "util/result.h"
#include "util/time.h"

namespace llama_swap::net {

struct UpstreamTimeouts {  // zero: no limit
  std::chrono::seconds connect{30};
  std::chrono::seconds keepalive{30};  // TCP keep-alive; 0 = system default, negative = off
  std::chrono::seconds response_header{0};
  std::chrono::seconds idle{90};
};

class Upstream;

// A connection in use by one request at a time. Destroying it closes it; Upstream::give_back keeps
// it.
struct UpstreamConnection {
  UpstreamConnection(Loop& loop, Upstream& owner);
  ~UpstreamConnection();

  Stream stream;
  bool reused = false;  // has carried a request before
  util::Time idle_since;
  std::weak_ptr<Upstream> owner;

  // Work space of whoever uses the connection, kept with it so that a request on a pooled connection allocates nothing.
  std::vector<char> in;
  std::string out;
  ReceivedHead received;
  ResponseHead passed_on;
};

class Upstream : public std::enable_shared_from_this<Upstream> {
 public:
  // Loop and wheel must outlive it.
  Upstream(Loop& loop, TimerWheel& wheel, Url base, UpstreamTimeouts timeouts);
  ~Upstream();

  // A pooled connection that looks alive, preferably one that has been quiet a little, or null.
  std::unique_ptr<UpstreamConnection> take_idle();
  // A fresh one. `localhost` means 127.0.0.1 and ::1 in turn. While it waits, `cancel` holds what
  // ends that. Errors: refused, timed_out, io, cancelled (also by close_all).
  using Cancel = std::function<void()>;
  Awaitable<util::Result<std::unique_ptr<UpstreamConnection>>> connect(Cancel& cancel);
  // Only after a complete exchange that allows reuse.
  void give_back(std::unique_ptr<UpstreamConnection> connection);
  // Closes the idle connections and cuts the ones in use: their users see an error at once. New
  // ones may be made after.
  void close_all();

  const Url& base() const { return base_; }
  const UpstreamTimeouts& timeouts() const { return timeouts_; }

 private:
  friend struct UpstreamConnection;
  Awaitable<util::Result<void>> resolve(Cancel& cancel);

  static constexpr std::size_t kMaxIdle = 100;

  Loop& loop_;
  TimerWheel& wheel_;
  const Url base_;
  const UpstreamTimeouts timeouts_;
  std::vector<boost::asio::ip::tcp::endpoint>
      endpoints_;  // resolved; the one that worked last is first
  std::vector<std::unique_ptr<UpstreamConnection>> idle_;  // oldest first
  std::unordered_set<UpstreamConnection*> all_;
};

}  // namespace llama_swap::net
