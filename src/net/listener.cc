#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>

#include "util/listen_address.h"

namespace llama_swap::net {
namespace {

namespace asio = boost::asio;
using Endpoint = asio::generic::stream_protocol::endpoint;
using Tcp = asio::ip::tcp;

enum class AfterError { retry, pause, give_up };

AfterError after_accept(int error) {
  switch (error) {
    // A connection that died before it was accepted, perhaps of its network (accept(2)).
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case ENOPROTOOPT:
      return AfterError::retry;
    // Not a socket that listens, and it will not be one again.
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
      return AfterError::give_up;
    // No descriptor or memory left, say. Whatever it is, it may last.
    default:
      return AfterError::pause;
  }
}

// A socket file that nobody listens on any more is in the way of a new one.
bool remove_stale(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const Endpoint endpoint{asio::local::stream_protocol::endpoint(path)};
  const bool refused =
      ::connect(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 &&
      errno == ECONNREFUSED;
  ::close(fd);
  return refused && ::unlink(path.c_str()) == 0;
}

}  // namespace

util::Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const std::string& address) {
  const auto where = util::parse_listen_address(address);
  if (!where) return tl::unexpected(where.error().in("listen " + address));
  std::unique_ptr<Listener> listener(new Listener(loop));
  const auto bound = where->path.empty() ? listener->bind_tcp(where->host, where->port)
                                         : listener->bind_unix(where->path);
  if (!bound) return tl::unexpected(bound.error().in("listen " + address));
  return listener;
}

util::Result<std::unique_ptr<Listener>> Listener::adopt(Loop& loop, int fd) {
  int listening = 0, type = 0;
  socklen_t size = sizeof listening;
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0 ||
      ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    return util::fail(util::Errc::invalid, "not a listening stream socket");
  std::unique_ptr<Listener> listener(new Listener(loop));
  auto acceptor = std::make_shared<Acceptor>(loop);
  boost::system::error_code ec;
  const int protocol = address.ss_family == AF_UNIX ? 0 : IPPROTO_TCP;
  acceptor->assign(asio::generic::stream_protocol(address.ss_family, protocol), fd, ec);
  if (!ec) acceptor->native_non_blocking(true, ec);
  if (ec) return util::fail(util::Errc::io, ec.message());
  listener->acceptors_.push_back(std::move(acceptor));
  return listener;
}

util::Result<void> Listener::bind_tcp(const std::string& host, std::uint16_t port) {
  std::vector<Endpoint> endpoints;
  bool dual_stack = false;
  boost::system::error_code ec;
  if (host.empty()) {
    dual_stack = true;
    endpoints.emplace_back(Tcp::endpoint(Tcp::v6(), port));
  } else if (const auto literal = asio::ip::make_address(host, ec); !ec) {
    endpoints.emplace_back(Tcp::endpoint(literal, port));
  } else {
    Tcp::resolver resolver(loop_);
    for (const auto& found : resolver.resolve(host, std::to_string(port), ec))
      endpoints.emplace_back(found.endpoint());
    if (ec) return util::fail(util::Errc::invalid, ec.message());
  }

  util::Result<void> last;
  for (const Endpoint& endpoint : endpoints) {
    last = bind_one(endpoint, dual_stack);
    if (!last && dual_stack)  // a machine without IPv6
      last = bind_one(Endpoint(Tcp::endpoint(Tcp::v4(), port)), false);
    if (!last && last.error().code == util::Errc::conflict) return last;
  }
  // A name such as localhost may have an address that this machine lacks; one that works is enough.
  return acceptors_.empty() ? last : util::Result<void>();
}

util::Result<void> Listener::bind_unix(const std::string& path) {
  const Endpoint endpoint{asio::local::stream_protocol::endpoint(path)};
  auto bound = bind_one(endpoint, false);
  if (!bound && bound.error().code == util::Errc::conflict && remove_stale(path))
    bound = bind_one(endpoint, false);
  return bound;
}

// Who may connect is decided by owner and group of the folder and the file, not by the umask; from
// the first moment on, as it comes before listen().
util::Result<void> Listener::own_file(const std::string& path) {
  struct stat info {};
  if (::chmod(path.c_str(), 0660) != 0 || ::lstat(path.c_str(), &info) != 0)
    return util::fail_errno(errno, path);
  path_ = path;
  device_ = info.st_dev;
  inode_ = info.st_ino;
  return {};
}

util::Result<void> Listener::bind_one(const Endpoint& endpoint, bool dual_stack) {
  auto acceptor = std::make_shared<Acceptor>(loop_);
  boost::system::error_code ec;
  acceptor->open(endpoint.protocol(), ec);
  if (!ec && endpoint.protocol().family() == AF_INET6)
    acceptor->set_option(asio::ip::v6_only(!dual_stack), ec);
  if (!ec && endpoint.protocol().family() != AF_UNIX)
    acceptor->set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor->bind(endpoint, ec);
  if (!ec && endpoint.protocol().family() == AF_UNIX) {
    const auto* const un = reinterpret_cast<const sockaddr_un*>(endpoint.data());
    if (auto owned = own_file(un->sun_path); !owned) return owned;
  }
  if (!ec) acceptor->listen(4096, ec);
  if (!ec) acceptor->native_non_blocking(true, ec);
  if (ec)
    return util::fail(ec == asio::error::address_in_use ? util::Errc::conflict : util::Errc::io,
                      ec.message());
  acceptors_.push_back(std::move(acceptor));
  return {};
}

void Listener::start(ConnectionSet& connections) {
  for (const auto& acceptor : acceptors_) spawn(loop_, accept_from(acceptor, connections));
}

Awaitable<void> Listener::accept_from(std::shared_ptr<Acceptor> acceptor,
                                      ConnectionSet& connections) {
  const int family = acceptor->local_endpoint().protocol().family();
  const auto executor = acceptor->get_executor();
  while (acceptor->is_open()) {
    const int fd =
        ::accept4(acceptor->native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      connections.start(family, fd);
      continue;
    }
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) {
      const auto [ec] = co_await acceptor->async_wait(Acceptor::wait_read, use_awaitable);
      if (ec) co_return;
      continue;
    }
    const AfterError next = after_accept(error);
    if (next == AfterError::give_up) co_return;
    if (next == AfterError::pause) {
      asio::basic_waitable_timer<util::Clock, asio::wait_traits<util::Clock>, Executor> pause(
          executor);
      pause.expires_after(std::chrono::milliseconds(50));
      const auto [ec] = co_await pause.async_wait(use_awaitable);
      if (ec) co_return;
    }
  }
}

void Listener::close() {
  // The file first: while the socket is open, its inode is no other file's. Somebody may have
  // removed it, and another instance may have made one of its own in its place.
  struct stat info {};
  if (!path_.empty() && ::lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ &&
      info.st_ino == inode_)
    ::unlink(path_.c_str());
  path_.clear();
  boost::system::error_code ignored;
  for (const auto& acceptor : acceptors_) acceptor->close(ignored);
}

std::string Listener::local_address() const {
  const auto endpoint = acceptors_.front()->local_endpoint();
  char text[INET6_ADDRSTRLEN] = "";
  if (endpoint.protocol().family() == AF_UNIX)
    return "unix:" + std::string(reinterpret_cast<const sockaddr_un*>(endpoint.data())->sun_path);
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
  if (endpoint.protocol().family() == AF_UNIX) return 0;
  return ntohs(endpoint.protocol().family() == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(endpoint.data())->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(endpoint.data())->sin_port);
}

bool Listener::loopback_only() const {
  for (const auto& acceptor : acceptors_) {
    const auto endpoint = acceptor->local_endpoint();
    if (endpoint.protocol().family() == AF_UNIX) continue;
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
