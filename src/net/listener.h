// Listening sockets and the connections that come from them. I/O thread only.
#pragma once

#include <sys/types.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/exchange.h"
#include "net/loop.h"
#include "net/timer_wheel.h"
#include "util/result.h"
#include "util/time.h"

namespace llama_swap::net {

struct ServerLimits {
  std::size_t max_head = 64 << 10;                  // bytes; 431 beyond
  std::uint64_t max_body = std::uint64_t{1} << 30;  // bytes; read_body fails with too_large beyond
  std::chrono::seconds tls_handshake_timeout{60};   // from accepting the connection on
  std::chrono::seconds head_timeout{
      60};  // from the first byte of a head to its end; then it is closed
  std::chrono::seconds idle_timeout{600};   // between two requests of a connection
  std::chrono::seconds body_timeout{120};   // silence of the client in the middle of a body
  std::chrono::seconds write_timeout{600};  // how long a client may take nothing of an answer
  std::uint32_t max_streams = 128;          // of one HTTP/2 connection at a time
};

class Connection;
class TlsServerContext;

// A connection, of whatever HTTP version, in the eyes of its set.
class Served {
 public:
  // Takes no other request; closes when those in progress have been answered.
  virtual void drain() = 0;
  virtual void cut() = 0;
  // Not HTTP any more: it may never end.
  virtual bool upgraded() const = 0;

 protected:
  ~Served() = default;
};

// All connections of a server: what serves them, and how they end.
class ConnectionSet {
 public:
  // Loop and wheel must outlive it. `handler` is called once for every request. With `tls`, which
  // must outlive it, too, connections are HTTPS, but for those of unix sockets.
  ConnectionSet(Loop& loop, TimerWheel& wheel, Handler handler, ServerLimits limits,
                const TlsServerContext* tls = nullptr);
  ~ConnectionSet();

  // Serves a connected socket until it ends.
  void start(int family, int fd);
  void set_limits(ServerLimits limits) { limits_ = limits; }
  // From now on a connection closes after the requests it is serving; idle ones close at once, or,
  // of HTTP/2, when the client has taken the news (two seconds at most).
  void drain();
  // Cuts what is left.
  void cut_all();
  std::size_t size() const { return open_.size(); }
  // Called once when no connection is left but upgraded ones, which may never end; at once (by the
  // loop) if that is so already. Only after drain().
  void on_empty(std::function<void()> empty);

 private:
  Awaitable<void> serve(std::shared_ptr<Connection> connection, const TlsServerContext* tls);
  Awaitable<void> serve_http2(std::shared_ptr<Connection> begun);
  void leave(const Served* connection);
  bool settled() const;

  Loop& loop_;
  TimerWheel& wheel_;
  const Handler handler_;
  ServerLimits limits_;
  const TlsServerContext* const tls_;  // null: plain
  std::vector<Served*> open_;
  bool draining_ = false;
  std::function<void()> empty_;
};

class Listener {
 public:
  // Binds and listens on a util::ListenAddress: ":port" is all interfaces, IPv4 and IPv6; port 0
  // takes a free one. A socket file is for owner and group (0660), takes the place of one that
  // nobody listens on, and goes with the listener unless it has been replaced. Errors: conflict (in
  // use), invalid, io.
  static util::Result<std::unique_ptr<Listener>> open(Loop& loop, const std::string& address);
  // Takes over a listening socket. Errors: invalid (it is none; the caller still owns it), io.
  static util::Result<std::unique_ptr<Listener>> adopt(Loop& loop, int fd);
  ~Listener() { close(); }

  // Accepts until close(); when descriptors run out it pauses and goes on. It ends when the socket
  // does not listen any more (somebody else who has it may have seen to that).
  void start(ConnectionSet& connections);
  void close();

  // "127.0.0.1:8080", "[::]:8080", "unix:/run/x.sock"
  std::string local_address() const;
  std::uint16_t port() const;  // 0: a unix socket
  bool loopback_only() const;  // or a unix socket: nobody on another machine can connect

 private:
  using Acceptor =
      boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol, Executor>;
  explicit Listener(Loop& loop) : loop_(loop) {}
  util::Result<void> bind_tcp(const std::string& host, std::uint16_t port);
  util::Result<void> bind_unix(const std::string& path);
  util::Result<void> own_file(const std::string& path);
  util::Result<void> bind_one(const boost::asio::generic::stream_protocol::endpoint& endpoint,
                              bool dual_stack);
  static Awaitable<void> accept_from(std::shared_ptr<Acceptor> acceptor,
                                     ConnectionSet& connections);

  Loop& loop_;
  std::vector<std::shared_ptr<Acceptor>> acceptors_;  // shared with who accepts from them
  std::string path_;  // of the socket file that is ours to remove, if it still is the same file
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace llama_swap::net
