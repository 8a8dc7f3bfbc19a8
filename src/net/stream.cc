#include "net/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cerrno>

namespace llama_swap::net {
namespace {

constexpr std::size_t kMaxPieces = 4;

std::ptrdiff_t failure() {
  return errno == EAGAIN || errno == EWOULDBLOCK ? Stream::kBlocked : Stream::kFailed;
}

short poll_now(int fd, short events) {
  pollfd p{fd, events, 0};
  return ::poll(&p, 1, 0) > 0 ? p.revents : short{0};
}

// Takes the first `size` bytes off the pieces.
void take(std::size_t size, std::string_view& first, std::string_view& second,
          std::string_view& third) {
  for (std::string_view* piece : {&first, &second, &third}) {
    const std::size_t of_piece = std::min(piece->size(), size);
    piece->remove_prefix(of_piece);
    size -= of_piece;
  }
}

}  // namespace

bool Stream::assign(int family, int fd) {
  boost::system::error_code ec;
  socket_.assign(boost::asio::generic::stream_protocol(family, family == AF_UNIX ? 0 : IPPROTO_TCP),
                 fd, ec);
  if (ec) {
    ::close(fd);
    return false;
  }
  socket_.native_non_blocking(true, ec);
  if (family != AF_UNIX) {
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  return !ec;
}

std::ptrdiff_t Stream::try_read(std::span<char> buffer) {
  if (cut_ || !socket_.is_open()) return kFailed;
  if (tls_) return tls_->read(buffer);
  ssize_t n;
  do {
    n = ::recv(socket_.native_handle(), buffer.data(), buffer.size(), 0);
  } while (n < 0 && errno == EINTR);
  drained_ = n < static_cast<ssize_t>(buffer.size());
  return n < 0 ? failure() : n;
}

std::ptrdiff_t Stream::try_write(std::initializer_list<std::string_view> pieces) {
  if (cut_ || !socket_.is_open()) return kFailed;
  if (tls_) {
    const std::ptrdiff_t n = tls_->write({pieces.begin(), pieces.size()});
    if (n > 0) bytes_written_ += static_cast<std::uint64_t>(n);
    return n;
  }
  std::array<iovec, kMaxPieces> parts;
  std::size_t count = 0;
  for (const std::string_view piece : pieces)
    if (!piece.empty()) parts[count++] = {const_cast<char*>(piece.data()), piece.size()};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  ssize_t n;
  do {
    n = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return failure();
  bytes_written_ += static_cast<std::uint64_t>(n);
  return n;
}

Awaitable<std::ptrdiff_t> Stream::read(std::span<char> buffer) {
  if (tls_ || !drained_) {  // OpenSSL may hold more than the socket
    const std::ptrdiff_t n = try_read(buffer);
    if (n != kBlocked) return ready(n);
  }
  return tls_ ? read_tls_later(buffer) : read_later(buffer);
}

Awaitable<std::ptrdiff_t> Stream::read_later(std::span<char> buffer) {
  if (cut_ || !socket_.is_open()) co_return kFailed;
  // Asio tries once more before it waits; that is cheaper than the epoll_ctl of a bare wait.
  const auto [ec, n] = co_await socket_.async_receive(
      boost::asio::buffer(buffer.data(), buffer.size()), use_awaitable);
  if (ec) co_return ec == boost::asio::error::eof ? kEof : kFailed;
  drained_ = n < buffer.size();
  co_return cut_ ? kFailed : static_cast<std::ptrdiff_t>(n);
}

Awaitable<std::ptrdiff_t> Stream::read_tls_later(std::span<char> buffer) {
  std::ptrdiff_t n = kBlocked;
  while (n == kBlocked) {
    const auto wait = side(tls_->reading_wants());
    const auto [ec] = co_await socket_.async_wait(wait, use_awaitable);
    if (ec) co_return kFailed;
    n = try_read(buffer);
  }
  co_return n;
}

Awaitable<bool> Stream::write(std::string_view first, std::string_view second,
                              std::string_view third) {
  if (first.empty() && second.empty() && third.empty()) return ready(true);
  const std::ptrdiff_t n = try_write({first, second, third});
  if (n == kFailed) return ready(false);
  const auto taken = static_cast<std::size_t>(n == kBlocked ? 0 : n);
  if (taken == first.size() + second.size() + third.size()) return ready(true);
  take(taken, first, second, third);
  return write_rest(first, second, third);
}

Awaitable<bool> Stream::write_rest(std::string_view first, std::string_view second,
                                   std::string_view third) {
  while (!first.empty() || !second.empty() || !third.empty()) {
    const auto wait = tls_ ? side(tls_->writing_wants()) : Socket::wait_write;
    const auto [ec] = co_await socket_.async_wait(wait, use_awaitable);
    if (ec) co_return false;
    const std::ptrdiff_t n = try_write({first, second, third});
    if (n == kFailed) co_return false;
    if (n != kBlocked) take(static_cast<std::size_t>(n), first, second, third);
  }
  co_return true;
}

Awaitable<util::Result<void>> Stream::start_tls(std::unique_ptr<TlsSession> session) {
  tls_ = std::move(session);
  drained_ = false;
  while (!cut_ && socket_.is_open()) {
    const std::ptrdiff_t n = tls_->handshake();
    if (n == kFailed) co_return util::fail(util::Errc::invalid, tls_->error());
    if (n > 0) co_return util::Result<void>{};
    const auto wait = side(tls_->reading_wants());
    const auto [ec] = co_await socket_.async_wait(wait, use_awaitable);
    if (ec) break;
  }
  co_return util::fail(util::Errc::closed, "the connection was closed");
}

void Stream::end_writing() {
  if (cut_ || !socket_.is_open()) return;
  if (tls_) tls_->end();
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

void Stream::cut() {
  if (cut_ || !socket_.is_open()) return;
  cut_ = true;
  ::shutdown(socket_.native_handle(), SHUT_RDWR);
}

void Stream::reset() {
  if (!socket_.is_open()) return;
  const linger now{1, 0};
  ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  cut_ = true;
  close();
}

void Stream::close() {
  if (tls_ && !cut_ && socket_.is_open()) tls_->end();
  cut_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

std::ptrdiff_t Stream::peek() {
  if (tls_) return is_open() ? tls_->peek() : kFailed;
  char first;
  const ssize_t n = ::recv(fd(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && errno == EINTR ? kBlocked : n < 0 ? failure() : n;
}

bool Stream::peer_closed() {
  return (poll_now(fd(), POLLRDHUP) & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace llama_swap::net
