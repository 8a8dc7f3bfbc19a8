#include "net/upstream.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "net/host_lookup.h"
#include "net/proxy_tunnel.h"

namespace llama_swap::net {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

// A pooled connection quieter than this may be about to be closed by llama-server (15-50 ms after a
// stream, without a word), so another one is preferred.
constexpr auto kQuiet = std::chrono::milliseconds(60);

// An address that says nothing must not take the time of those after it (RFC 8305, but one by one).
constexpr auto kMaxTurn = std::chrono::seconds(3);

constexpr std::size_t kMaxKeptBuffer = 16 << 10;  // what an idle connection may keep

void keep_alive(int fd, std::chrono::seconds period) {
  const int on = period.count() >= 0;
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  const int every = static_cast<int>(period.count());
  if (every <= 0) return;
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &every, sizeof every);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
}

// When it is the next address's turn, if `left` ones have to share the time until `end`.
util::Time end_of_turn(util::Time end, std::size_t left) {
  if (left == 1) return end;
  const util::Time now = util::Clock::now();
  return now + std::min<util::Clock::duration>(kMaxTurn, (end - now) / static_cast<int>(left));
}

std::string host_and_port(const Url& url) {
  const bool v6 = url.host.find(':') != std::string::npos;
  return (v6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
}

const ProxyEnvironment& proxy_environment() {
  static const ProxyEnvironment once = read_proxy_environment();
  return once;
}

util::Error connect_error(const Url& hop, const boost::system::error_code& ec, bool timed_out) {
  const std::string where = "connect to " + hop.host + ":" + std::to_string(hop.port);
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

Upstream::Upstream(Loop& loop, TimerWheel& wheel, Url base, UpstreamTimeouts timeouts,
                   std::string ca_file)
    : loop_(loop),
      wheel_(wheel),
      base_(std::move(base)),
      timeouts_(timeouts),
      trust_(std::move(ca_file)),
      proxy_(proxy_for(base_, proxy_environment())) {
  if (!proxy_ || !*proxy_ || base_.scheme == "https") return;
  target_prefix_ = "http://" + base_.authority;
  proxy_authorization_ = (*proxy_)->authorization;
}

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

Awaitable<util::Result<std::unique_ptr<UpstreamConnection>>> Upstream::connect(Cancel& cancel) {
  const auto self = shared_from_this();
  if (!proxy_) co_return tl::unexpected(proxy_.error());
  const util::Time end =
      timeouts_.connect.count() > 0 ? util::Clock::now() + timeouts_.connect : util::Time::max();
  if (endpoints_.empty()) {
    const auto addresses = co_await look_up(loop_, wheel_, next_hop().host, end, cancel);
    if (!addresses) co_return tl::unexpected(addresses.error());
    endpoints_.clear();  // another connect may have been as far
    for (const auto& address : *addresses) endpoints_.emplace_back(address, next_hop().port);
  }
  const auto endpoints = endpoints_;  // another connect may reorder them
  boost::system::error_code last = asio::error::host_unreachable;
  bool timed_out = false;
  for (std::size_t i = 0; i < endpoints.size() && util::Clock::now() < end; ++i) {
    auto connection = std::make_unique<UpstreamConnection>(loop_, *this);
    const auto& endpoint = endpoints[i];
    const int family = endpoint.protocol().family();
    const int fd = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0) co_return util::fail_errno(errno, "socket");
    if (!connection->stream.assign(family, fd)) continue;
    keep_alive(fd, timeouts_.keepalive);

    timed_out = false;
    Deadline deadline(wheel_, [&] {
      timed_out = true;
      connection->stream.close();
    });
    const util::Time turn = end_of_turn(end, endpoints.size() - i);
    if (turn != util::Time::max()) deadline.set(turn);
    cancel = [&connection] { connection->stream.cut(); };
    const auto [ec] = co_await connection->stream.socket().async_connect(endpoint, use_awaitable);
    deadline.clear();
    if (!ec && !connection->stream.was_cut()) {
      // The next one starts with the address that worked.
      if (i > 0 && endpoints_ == endpoints)
        std::rotate(endpoints_.begin(), endpoints_.begin() + static_cast<std::ptrdiff_t>(i),
                    endpoints_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      if (base_.scheme == "https") {
        const auto secured = co_await secure(connection->stream);
        cancel = nullptr;
        if (!secured) co_return tl::unexpected(secured.error());
      }
      cancel = nullptr;
      co_return connection;
    }
    cancel = nullptr;
    last = ec ? ec : boost::system::error_code(asio::error::operation_aborted);
    if (connection->stream.was_cut() && !timed_out) break;
  }
  endpoints_.clear();  // the name may lead elsewhere by now
  co_return tl::unexpected(connect_error(next_hop(), last, timed_out));
}

// What comes between the connection and the first request to an https server.
Awaitable<util::Result<void>> Upstream::secure(Stream& stream) {
  bool late = false;
  Deadline deadline(wheel_, [&] {
    late = true;
    stream.cut();
  });
  const auto limit = [&](std::chrono::seconds time) {
    deadline.clear();
    if (time.count() > 0) deadline.set(util::Clock::now() + time);
  };
  const auto failed = [&](const std::string& what, const util::Error& why) {
    const bool cancelled = !late && stream.was_cut();
    if (late) return util::fail(util::Errc::timed_out, what + ": timed out");
    return util::fail(cancelled ? util::Errc::cancelled : util::Errc::invalid,
                      what + ": " + why.message);
  };
  const std::string target = host_and_port(base_);
  if (*proxy_) {
    limit(timeouts_.connect);
    const auto opened = co_await open_tunnel(stream, **proxy_, target);
    if (!opened)
      co_return failed("connect to " + target + " through the proxy " + host_and_port(next_hop()),
                       opened.error());
  }
  auto trusted = trust_.context();
  if (!trusted) co_return tl::unexpected(trusted.error());
  limit(timeouts_.tls_handshake);
  auto session = (*trusted)->session(stream.fd(), base_.host);
  const auto secured = co_await stream.start_tls(std::move(session));
  if (!secured) co_return failed("TLS handshake with " + target, secured.error());
  co_return util::Result<void>{};
}

}  // namespace llama_swap::net
