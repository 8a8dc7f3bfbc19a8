#include "net/http1_connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cstring>
#include <utility>

#include "util/text.h"

namespace llama_swap::net {
namespace {

constexpr std::size_t kFirstBuffer = 2 << 10;
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr auto kWatchTick = std::chrono::milliseconds(100);
constexpr auto kLinger = std::chrono::seconds(2);

std::string peer_ip(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr, text,
                sizeof text);
  } else if (address.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&in6))  // an IPv4 client of a dual-stack socket
      ::inet_ntop(AF_INET, &in6.s6_addr[12], text, sizeof text);
    else
      ::inet_ntop(AF_INET6, &in6, text, sizeof text);
  }
  return text;
}

// As a request does, and no TLS handshake.
bool begins_with_letter(int fd) {
  char first = 0;
  return ::recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1 && first >= 'A' && first <= 'Z';
}

}  // namespace

Connection::Connection(Loop& loop, TimerWheel& wheel, const ServerLimits& limits, int family,
                       int fd)
    : limits_(limits),
      stream_(loop),
      deadline_(wheel,
                [this] {
                  timed_out_ = true;
                  stream_.cut();
                }),
      watch_tick_(wheel, [this] { on_watch_tick(); }) {
  if (!stream_.assign(family, fd)) return;
  const int on = 1;  // finds clients whose machine vanished
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  remote_ip_ = peer_ip(fd);
}

void Connection::close() {
  gone_ = nullptr;
  deadline_.clear();
  watch_tick_.clear();
  stream_.close();
}

void Connection::drain() {
  draining_ = true;
  keep_alive_ = false;
  if (!idle_) return;
  // A head on its way gets a moment, no more.
  if (begin_ < end_) {
    deadline_.set(util::Clock::now() + kLinger);
    return;
  }
  stream_.end_writing();
  stream_.cut();
}

// ---------------------------------------------------------------- requests

Awaitable<bool> Connection::secure(const TlsServerContext& tls) {
  deadline_.set(util::Clock::now() + limits_.tls_handshake_timeout);
  const auto [ec] = co_await stream_.socket().async_wait(Stream::Socket::wait_read, use_awaitable);
  if (ec) co_return false;
  if (begins_with_letter(stream_.fd())) {
    co_await refuse(400, "Client sent an HTTP request to an HTTPS server.");
    co_return false;
  }
  auto session = tls.session(stream_.fd());
  const auto shaken = co_await stream_.start_tls(std::move(session));
  deadline_.clear();
  co_return shaken.has_value();
}

void Connection::begin_exchange() {
  status_ = 0;
  bytes_sent_ = 0;
  request_id_.clear();
  sending_ = Sending::nothing;
  to_send_ = 0;
  upgraded_ = false;
  progress_ = {};
  // What came after the last request moves to the front; nobody looks at the old head any more.
  if (begin_ > 0) std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (in_.size() > kFirstBuffer && end_ < kFirstBuffer) {
    in_.resize(kFirstBuffer);
    in_.shrink_to_fit();
  }
  if (in_.empty()) in_.resize(kFirstBuffer);
}

bool Connection::may_be_preface() const {
  return !used_ && kHttp2Preface.starts_with(unread().substr(0, kHttp2Preface.size()));
}

Connection::Rest Connection::release() {
  deadline_.clear();
  return {std::move(stream_), std::move(remote_ip_), std::string(unread())};
}

Awaitable<bool> Connection::next_request() {
  begin_exchange();
  idle_ = true;
  bool started = false;
  for (;;) {
    if (end_ > 0) {
      const HeadResult result = parse_request({in_.data(), end_}, head_, progress_);
      if (result.kind == HeadResult::done) {
        begin_ = result.consumed;
        break;
      }
      // To HTTP/1, the preface of HTTP/2 looks like a request of a version unknown; so whoever
      // speaks HTTP/1 does not pay for its being looked for.
      if (result.kind == HeadResult::error && !may_be_preface()) {
        co_await refuse(result.status, result.reason);
        co_return false;
      }
      if (result.kind == HeadResult::error && end_ >= kHttp2Preface.size()) {
        speaks_http2_ = true;
        co_return false;
      }
      if (end_ == in_.size()) in_.resize(std::min(in_.size() * 4, kMaxHeadBytes + 1));
    }
    if (draining_ && end_ == 0) co_return false;
    if (!started) {
      // From the first byte of a head on the time for the whole of it runs, however slowly it drips
      // in.
      started = end_ > 0;
      deadline_.set(util::Clock::now() + (started ? limits_.head_timeout : limits_.idle_timeout));
    }
    const std::ptrdiff_t n = co_await stream_.read({in_.data() + end_, in_.size() - end_});
    if (n <= 0) co_return false;
    end_ += static_cast<std::size_t>(n);
  }
  idle_ = false;
  used_ = true;
  deadline_.clear();
  framing_ = request_framing(head_);
  if (framing_.kind == MessageFraming::error) {
    co_await refuse(400, framing_.reason);
    co_return false;
  }
  take_up_request();
  co_return true;
}

void Connection::take_up_request() {
  body_left_ = framing_.length_bytes;
  body_seen_ = 0;
  body_done_ = !has_body();
  body_broken_ = false;
  chunks_ = ChunkFollower(ChunkFollower::Mode::strict);
  head_only_ = head_.method == "HEAD";
  const std::string_view* const expect = head_.find("Expect");
  expect_continue_ =
      expect != nullptr && head_.version_minor >= 1 && util::iequals(*expect, "100-continue");
  keep_alive_ = !draining_ && (head_.version_minor >= 1
                                   ? !header_has_token(head_.headers, "Connection", "close")
                                   : header_has_token(head_.headers, "Connection", "keep-alive"));
}

// An answer from before there is an exchange; the connection closes after it.
Awaitable<void> Connection::refuse(int status, std::string_view reason) {
  const std::string body = fmt::format("{} {}: {}\n", status, reason_phrase(status), reason);
  const std::string answer = fmt::format(
      "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: "
      "{}\r\n"
      "Connection: close\r\n\r\n{}",
      status, reason_phrase(status), http_date(), body.size(), body);
  status_ = status;
  const bool sent = co_await stream_.write(answer);
  if (sent) co_await linger();
}

// Closing with unread input makes the kernel reset the connection, which can take the answer away
// from the client. So: end our direction, and read on for a moment.
Awaitable<void> Connection::linger() {
  stream_.end_writing();
  deadline_.set(util::Clock::now() + kLinger);
  std::array<char, 4096> sink;
  for (std::size_t seen = 0; seen < (1 << 20);) {
    const std::ptrdiff_t n = co_await stream_.read(sink);
    if (n <= 0) co_return;
    seen += static_cast<std::size_t>(n);
  }
}

// ---------------------------------------------------------------- the end of an exchange

Awaitable<bool> Connection::complete() {
  watch_client(nullptr);
  deadline_.clear();
  const bool usual = responded() && body_done_ && keep_alive_ && !client_gone_ && !upgraded_ &&
                     !stream_.was_cut() && answer_is_whole();
  return usual ? ready(begin_next()) : complete_late();
}

bool Connection::answer_is_whole() const {
  return sending_ == Sending::done || (sending_ == Sending::length && to_send_ == 0) ||
         sending_ == Sending::ready_chunks;
}

// Whatever else is left to do after the handler.
Awaitable<bool> Connection::complete_late() {
  if (!responded() && !client_gone_ && !stream_.was_cut()) {
    ResponseHead head;
    head.status = body_broken_ ? 400 : 500;
    co_await respond(head, {BodyFraming::none}, {});
  }
  if (sending_ == Sending::until_close) co_return false;
  if (!answer_is_whole()) {
    abort();
    co_return false;
  }
  if (stream_.was_cut() || client_gone_ || upgraded_) co_return false;
  bool again = keep_alive_;
  if (again) again = co_await drain_body();
  if (again) co_return begin_next();
  if (!body_done_) co_await linger();
  co_return false;
}

// True, as another request may follow.
bool Connection::begin_next() {
  if (!early_.empty()) {
    in_.assign(early_.begin(), early_.end());
    begin_ = 0;
    end_ = early_.size();
    early_.clear();
  }
  return true;
}

// ---------------------------------------------------------------- watching the client

void Connection::watch_client(std::function<void()> gone) {
  gone_ = std::move(gone);
  if (gone_)
    watch_tick_.set(util::Clock::now() + kWatchTick);
  else
    watch_tick_.clear();
}

void Connection::watch_closely() {
  if (!asked_kernel_) ask_kernel();
}

bool Connection::look_for_client() {
  if (!client_gone_ && !stream_.was_cut() && stream_.peer_closed()) on_client_gone();
  return client_gone_;
}

// Requests that are answered within a tick never come here, so they pay nothing for being watched.
void Connection::on_watch_tick() {
  if (client_gone_ || stream_.was_cut()) return on_client_gone();
  if (!asked_kernel_) ask_kernel();
  if (data_waits_) {
    if (stream_.peer_closed()) return on_client_gone();
    watch_tick_.set(util::Clock::now() + kWatchTick);
  }
}

void Connection::ask_kernel() {
  asked_kernel_ = true;
  if (stream_.tls()) return ask_tls();
  auto on_answer = [self = shared_from_this()](const boost::system::error_code& ec, std::size_t n) {
    self->on_kernel_answer(!ec && n > 0);
  };
  stream_.socket().async_receive(boost::asio::buffer(&peeked_, 1), MSG_PEEK, std::move(on_answer));
}

// What the kernel has may be a message of TLS itself: then it is asked again.
void Connection::ask_tls() {
  auto on_readable = [self = shared_from_this()](const boost::system::error_code& ec) {
    const std::ptrdiff_t n = ec ? Stream::kFailed : self->stream_.peek();
    if (n == Stream::kBlocked) return self->ask_tls();
    self->on_kernel_answer(n > 0);
  };
  stream_.socket().async_wait(Stream::Socket::wait_read, std::move(on_readable));
}

void Connection::on_kernel_answer(bool data) {
  asked_kernel_ = false;
  if (data) {
    if (!gone_) return;
    data_waits_ = true;
    watch_tick_.set(util::Clock::now() + kWatchTick);
  } else if (stream_.is_open()) {
    on_client_gone();
  }
}

void Connection::on_client_gone() {
  client_gone_ = true;
  keep_alive_ = false;
  stream_.cut();  // also wakes a read that the same event would have woken
  if (auto gone = std::exchange(gone_, nullptr)) gone();
}

}  // namespace llama_swap::net
