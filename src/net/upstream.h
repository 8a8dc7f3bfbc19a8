// One origin server: where it listens, the way there (TLS, an outgoing proxy that the environment
// names), and a pool of connections to it. I/O thread only.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "net/http1_head.h"
#include "net/loop.h"
#include "net/proxy_env.h"
#include "net/stream.h"
#include "net/timer_wheel.h"
#include "net/trust.h"
#include "net/url.h"
#include "util/result.h"
#include "util/time.h"

namespace llama_swap::net {

struct UpstreamTimeouts {  // zero: no limit
  std::chrono::seconds connect{30};
  std::chrono::seconds keepalive{30};  // TCP keep-alive; 0 = system default, negative = off
  std::chrono::seconds response_header{0};
  std::chrono::seconds tls_handshake{10};
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

  // Work space of whoever uses the connection, kept with it so that a request on a pooled
  // connection allocates nothing.
  std::vector<char> in;
  std::string out;
  ReceivedHead received;
  ResponseHead passed_on;
};

class Upstream : public std::enable_shared_from_this<Upstream> {
 public:
  // Loop and wheel must outlive it. `ca_file`: as of TlsClientContext::make, for https.
  Upstream(Loop& loop, TimerWheel& wheel, Url base, UpstreamTimeouts timeouts,
           std::string ca_file = {});
  ~Upstream();

  // A pooled connection that looks alive, preferably one that has been quiet a little, or null.
  std::unique_ptr<UpstreamConnection> take_idle();
  // A fresh one, to the first of the name's addresses that takes it; those that are silent share
  // the time. It takes no longer than timeouts().connect until it is connected, the lookup of the
  // name included. While it waits, `cancel` holds what ends that. Errors: refused, timed_out, io,
  // cancelled (also by close_all); invalid: connected, but there will be no TLS with this server,
  // or no way through this proxy.
  using Cancel = std::function<void()>;
  Awaitable<util::Result<std::unique_ptr<UpstreamConnection>>> connect(Cancel& cancel);
  // Only after a complete exchange that allows reuse.
  void give_back(std::unique_ptr<UpstreamConnection> connection);
  // Its server is being stopped on purpose: what breaks from now on is no crash.
  void retire() { retired_ = true; }
  bool retired() const { return retired_; }
  // Closes the idle connections and cuts the ones in use: their users see an error at once. New
  // ones may be made after.
  void close_all();

  const Url& base() const { return base_; }
  // What every request target begins with: empty, or "http://host:port" where requests go to a
  // proxy (RFC 9112 3.2.2). Those must also carry proxy_authorization(), if not empty.
  const std::string& target_prefix() const { return target_prefix_; }
  const std::string& proxy_authorization() const { return proxy_authorization_; }
  const UpstreamTimeouts& timeouts() const { return timeouts_; }

 private:
  friend struct UpstreamConnection;
  const Url& next_hop() const { return proxy_ && *proxy_ ? (*proxy_)->url : base_; }
  Awaitable<util::Result<void>> secure(Stream& stream);

  static constexpr std::size_t kMaxIdle = 100;

  Loop& loop_;
  TimerWheel& wheel_;
  const Url base_;
  const UpstreamTimeouts timeouts_;
  Trust trust_;
  const util::Result<std::optional<ForwardProxy>> proxy_;
  std::string target_prefix_, proxy_authorization_;
  // Of the next hop, resolved; the one that worked last is first.
  std::vector<boost::asio::ip::tcp::endpoint> endpoints_;
  std::vector<std::unique_ptr<UpstreamConnection>> idle_;  // oldest first
  std::unordered_set<UpstreamConnection*> all_;
  bool retired_ = false;
};

}  // namespace llama_swap::net
