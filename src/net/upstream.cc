#include "net/upstream.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>

namespace llama_swap::net {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

// A pooled connection quieter than this may be about to be closed by llama-server (15-50 ms after a
// stream, without a word), so another one is preferred.
constexpr auto kQuiet = std::chrono::milliseconds(60);

constexpr std::size_t kMaxKeptBuffer = 16 << 10;  // what an idle connection may keep

void keep_alive(int fd, std::chrono::seconds period) {
  const int on = period.count() >= 0;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  const int every = static_cast<int>(period.count());
  if (every <= 0) return;
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &every, sizeof every);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
}

util::Error connect_error(const Url& base, const boost::system::error_code& ec, bool timed_out) {
  const std::string where = "connect to " + base.host + ":" + std::to_string(base.port);
  if (timed_out) return {util::Errc::timed_out, where + ": timed out"};
  const auto code = ec == asio::error::connection_refused  ? util::Errc::refused
                    : ec == asio::error::operation_aborted ? util::Errc::cancelled
                                                           : util::Errc::io;
  return {code, where + ": " + ec.message()};
}

}  // namespace

UpstreamConnection::UpstreamConnection(Loop& loop, Upstream& upstream)
    : stream(loop), owner(upstream.weak_from_this()) {
  upstream.all_.insert(this);
}

UpstreamConnection::~UpstreamConnection() {
  if (const auto upstream = owner.lock()) upstream->all_.erase(this);
}

Upstream::Upstream(Loop& loop, TimerWheel& wheel, Url base, UpstreamTimeouts timeouts)
    : loop_(loop), wheel_(wheel), base_(std::move(base)), timeouts_(timeouts) {}

Upstream::~Upstream() = default;

std::unique_ptr<UpstreamConnection> Upstream::take_idle() {
  const util::Time now = util::Clock::now();
  while (!idle_.empty()) {
    // The newest is the least likely to have been timed out; the oldest the most likely to be past
    // the sudden close.
    const bool newest_is_quiet = now - idle_.back()->idle_since >= kQuiet;
    const auto at = newest_is_quiet ? idle_.end() - 1 : idle_.begin();
    std::unique_ptr<UpstreamConnection> connection = std::move(*at);
    idle_.erase(at);
    const bool expired =
        timeouts_.idle.count() > 0 && now - connection->idle_since > timeouts_.idle;
    // Readable while idle: closed, or it would answer a request that it has not been asked yet.
    if (expired || connection->stream.readable_now()) continue;
    connection->reused = true;
    return connection;
  }
  return nullptr;
}

void Upstream::give_back(std::unique_ptr<UpstreamConnection> connection) {
  if (!connection->stream.is_open() || connection->stream.was_cut()) return;
  if (idle_.size() >= kMaxIdle) idle_.erase(idle_.begin());
  connection->idle_since = util::Clock::now();
  if (connection->in.capacity() > kMaxKeptBuffer) connection->in = {};
  idle_.push_back(std::move(connection));
}

void Upstream::close_all() {
  idle_.clear();
  for (UpstreamConnection* connection : all_) connection->stream.cut();
}

Awaitable<util::Result<void>> Upstream::resolve(Cancel& cancel) {
  boost::system::error_code ec;
  const auto literal = asio::ip::make_address(base_.host, ec);
  if (!ec) {
    endpoints_ = {{literal, base_.port}};
  } else if (base_.host == "localhost") {
    endpoints_ = {{asio::ip::address_v4::loopback(), base_.port},
                  {asio::ip::address_v6::loopback(), base_.port}};
  } else {
    asio::ip::basic_resolver<Tcp, Executor> resolver(loop_);
    cancel = [&resolver] { resolver.cancel(); };
    const auto [error, found] =
        co_await resolver.async_resolve(base_.host, std::to_string(base_.port), use_awaitable);
    cancel = nullptr;
    if (error)
      co_return util::fail(util::Errc::io, "look up " + base_.host + ": " + error.message());
    for (const auto& entry : found) endpoints_.push_back(entry.endpoint());
  }
  co_return util::Result<void>{};
}

Awaitable<util::Result<std::unique_ptr<UpstreamConnection>>> Upstream::connect(Cancel& cancel) {
  const auto self = shared_from_this();
  if (endpoints_.empty()) {
    auto resolved = co_await resolve(cancel);
    if (!resolved) co_return tl::unexpected(resolved.error());
  }
  const auto endpoints = endpoints_;  // another connect may reorder them
  boost::system::error_code last = asio::error::host_unreachable;
  bool timed_out = false;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    auto connection = std::make_unique<UpstreamConnection>(loop_, *this);
    const auto& endpoint = endpoints[i];
    const int family = endpoint.protocol().family();
    const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0) co_return util::fail_errno(errno, "socket");
    if (!connection->stream.assign(family, fd)) continue;
    keep_alive(fd, timeouts_.keepalive);

    Deadline deadline(wheel_, [&] {
      timed_out = true;
      connection->stream.close();
    });
    if (timeouts_.connect.count() > 0) deadline.set(util::Clock::now() + timeouts_.connect);
    cancel = [&connection] { connection->stream.cut(); };
    const auto [ec] = co_await connection->stream.socket().async_connect(endpoint, use_awaitable);
    cancel = nullptr;
    deadline.clear();
    if (!ec && !connection->stream.was_cut()) {
      // The next one starts with the address that worked.
      if (i > 0) endpoints_ = {endpoint};
      co_return connection;
    }
    last = ec ? ec : boost::system::error_code(asio::error::operation_aborted);
    if (timed_out || connection->stream.was_cut()) break;
  }
  if (base_.host != "localhost") endpoints_.clear();  // the name may lead elsewhere by now
  co_return tl::unexpected(connect_error(base_, last, timed_out));
}

}  // namespace llama_swap::net
