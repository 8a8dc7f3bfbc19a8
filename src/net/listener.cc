#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <charconv>

namespace llama_swap::net {
namespace {

namespace asio = boost::asio;
using Endpoint = asio::generic::stream_protocol::endpoint;
using Tcp = asio::ip::tcp;

// One connection more would be the last: no descriptor or memory left.
bool exhausted(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

util::Result<HostPort> split_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos)
    return util::fail(util::Errc::invalid, "listen " + address + ": missing port in address");
  HostPort out;
  out.host = address.substr(0, colon);
  if (out.host.size() >= 2 && out.host.front() == '[' && out.host.back() == ']')
    out.host = out.host.substr(1, out.host.size() - 2);
  const char* const end = address.data() + address.size();
  const auto [at, ec] = std::from_chars(address.data() + colon + 1, end, out.port);
  if (ec != std::errc{} || at != end || colon + 1 == address.size())
    return util::fail(util::Errc::invalid, "listen " + address + ": invalid port");
  return out;
}

}  // namespace

util::Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const std::string& address) {
  const auto where = split_address(address);
  if (!where) return tl::unexpected(where.error());
  std::vector<Endpoint> endpoints;
  bool dual_stack = false;
  boost::system::error_code ec;
  if (where->host.empty()) {
    dual_stack = true;
    endpoints.emplace_back(Tcp::endpoint(Tcp::v6(), where->port));
  } else if (const auto literal = asio::ip::make_address(where->host, ec); !ec) {
    endpoints.emplace_back(Tcp::endpoint(literal, where->port));
  } else {
    Tcp::resolver resolver(loop);
    for (const auto& found : resolver.resolve(where->host, std::to_string(where->port), ec))
      endpoints.emplace_back(found.endpoint());
    if (ec) return util::fail(util::Errc::invalid, "listen " + address + ": " + ec.message());
  }

  std::unique_ptr<Listener> listener(new Listener(loop));
  util::Result<void> last;
  for (const Endpoint& endpoint : endpoints) {
    last = listener->bind_one(endpoint, dual_stack);
    if (!last && dual_stack)  // a machine without IPv6
      last = listener->bind_one(Endpoint(Tcp::endpoint(Tcp::v4(), where->port)), false);
    if (!last && last.error().code == util::Errc::conflict) break;
  }
  // A name such as localhost may have an address that this machine lacks; one that works is enough.
  if (listener->acceptors_.empty() || (!last && last.error().code == util::Errc::conflict))
    return tl::unexpected(last.error().in("listen " + address));
  return listener;
}

util::Result<void> Listener::bind_one(const Endpoint& endpoint, bool dual_stack) {
  auto acceptor = std::make_unique<Acceptor>(loop_);
  boost::system::error_code ec;
  acceptor->open(endpoint.protocol(), ec);
  if (!ec && endpoint.protocol().family() == AF_INET6)
    acceptor->set_option(asio::ip::v6_only(!dual_stack), ec);
  if (!ec) acceptor->set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor->bind(endpoint, ec);
  if (!ec) acceptor->listen(4096, ec);
  if (!ec) acceptor->native_non_blocking(true, ec);
  if (ec)
    return util::fail(ec == asio::error::address_in_use ? util::Errc::conflict : util::Errc::io,
                      ec.message());
  acceptors_.push_back(std::move(acceptor));
  return {};
}

void Listener::start(ConnectionSet& connections) {
  for (const auto& acceptor : acceptors_) spawn(loop_, accept_from(*acceptor, connections));
}

Awaitable<void> Listener::accept_from(Acceptor& acceptor, ConnectionSet& connections) {
  const int family = acceptor.local_endpoint().protocol().family();
  const auto executor = acceptor.get_executor();
  while (acceptor.is_open()) {
    const int fd =
        ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      connections.start(family, fd);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      const auto [ec] = co_await acceptor.async_wait(Acceptor::wait_read, use_awaitable);
      if (ec) co_return;
    } else if (exhausted(errno)) {
      asio::basic_waitable_timer<util::Clock, asio::wait_traits<util::Clock>, Executor> pause(
          executor);
      pause.expires_after(std::chrono::milliseconds(50));
      const auto [ec] = co_await pause.async_wait(use_awaitable);
      if (ec) co_return;
    }
    // Anything else concerns a connection that died before it was accepted.
  }
}

void Listener::close() {
  boost::system::error_code ignored;
  for (const auto& acceptor : acceptors_) acceptor->close(ignored);
}

std::string Listener::local_address() const {
  const auto endpoint = acceptors_.front()->local_endpoint();
  char text[INET6_ADDRSTRLEN] = "";
  if (endpoint.protocol().family() == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(endpoint.data());
    ::inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(port());
  }
  const auto* in4 = reinterpret_cast<const sockaddr_in*>(endpoint.data());
  ::inet_ntop(AF_INET, &in4->sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(port());
}

std::uint16_t Listener::port() const {
  const auto endpoint = acceptors_.front()->local_endpoint();
  return ntohs(endpoint.protocol().family() == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(endpoint.data())->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(endpoint.data())->sin_port);
}

bool Listener::loopback_only() const {
  for (const auto& acceptor : acceptors_) {
    const auto endpoint = acceptor->local_endpoint();
    if (endpoint.protocol().family() == AF_INET6) {
      const auto& address = reinterpret_cast<const sockaddr_in6*>(endpoint.data())->sin6_addr;
      if (!IN6_IS_ADDR_LOOPBACK(&address)) return false;
    } else {
      const auto& address = reinterpret_cast<const sockaddr_in*>(endpoint.data())->sin_addr;
      if ((ntohl(address.s_addr) >> 24) != 127) return false;
    }
  }
  return true;
}

}  // namespace llama_swap::net
