#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "net/http1_connection.h"
#include "net/http2_connection.h"
#include "net/listener.h"

namespace llama_swap::net {

ConnectionSet::ConnectionSet(Loop& loop, TimerWheel& wheel, Handler handler, ServerLimits limits,
                             const TlsServerContext* tls)
    : loop_(loop), wheel_(wheel), handler_(std::move(handler)), limits_(limits), tls_(tls) {}

ConnectionSet::~ConnectionSet() = default;

void ConnectionSet::start(int family, int fd) {
  auto connection = std::make_shared<Connection>(loop_, wheel_, limits_, family, fd);
  open_.push_back(connection.get());
  spawn(loop_, serve(std::move(connection), family == AF_UNIX ? nullptr : tls_));
}

Awaitable<void> ConnectionSet::serve(std::shared_ptr<Connection> connection,
                                     const TlsServerContext* tls) {
  bool good = true;
  if (tls != nullptr) good = co_await connection->secure(*tls);
  while (good) {
    const bool asked = co_await connection->next_request();
    if (!asked) break;
    co_await handler_(*connection);
    good = co_await connection->complete();
  }
  if (connection->speaks_http2()) co_return co_await serve_http2(std::move(connection));
  connection->close();
  leave(connection.get());
}

// Goes on with a connection that turned out to be one of HTTP/2.
Awaitable<void> ConnectionSet::serve_http2(std::shared_ptr<Connection> begun) {
  Connection::Rest rest = begun->release();
  const auto connection = std::make_shared<Http2Connection>(
      std::move(rest.stream), std::move(rest.remote_ip), wheel_, limits_, handler_);
  std::ranges::replace(open_, static_cast<Served*>(begun.get()),
                       static_cast<Served*>(connection.get()));
  begun.reset();
  if (draining_) connection->drain();
  co_await connection->run(std::move(rest.unread));
  leave(connection.get());
}

void ConnectionSet::leave(const Served* connection) {
  const auto at = std::ranges::find(open_, connection);
  *at = open_.back();
  open_.pop_back();
  if (draining_ && empty_ && settled()) boost::asio::post(loop_, std::exchange(empty_, nullptr));
}

bool ConnectionSet::settled() const {
  return std::ranges::all_of(open_, [](const Served* c) { return c->upgraded(); });
}

void ConnectionSet::drain() {
  draining_ = true;
  for (Served* connection : open_) connection->drain();
}

void ConnectionSet::cut_all() {
  for (Served* connection : open_) connection->cut();
}

void ConnectionSet::on_empty(std::function<void()> empty) {
  if (empty && settled())
    boost::asio::post(loop_, std::move(empty));
  else
    empty_ = std::move(empty);
}

}  // namespace llama_swap::net
