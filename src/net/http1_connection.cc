#include "net/http1_connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <cstring>

#include "util/text.h"

namespace llama_swap::net {
namespace {

constexpr std::size_t kFirstBuffer = 2 << 10;
constexpr std::size_t kMaxDrain =
    256 << 10;  // of a body nobody read; rather that than a new connection
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

util::Result<void> gone() {
  return util::fail(util::Errc::closed, "the client is gone");
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

// ---------------------------------------------------------------- request bodies

std::optional<std::uint64_t> Connection::content_length() const {
  if (framing_.kind != MessageFraming::length) return std::nullopt;
  return framing_.length_bytes;
}

Awaitable<util::Result<std::size_t>> Connection::read_body(std::span<char> buffer) {
  using Size = util::Result<std::size_t>;
  if (body_done_) return ready(Size(0));
  if (framing_.length_bytes > limits_.max_body)
    return ready(Size(util::fail(util::Errc::too_large, "the request body is over the limit")));
  if (expect_continue_) return read_continued(buffer);
  const bool buffered = begin_ < end_;
  if (framing_.kind == MessageFraming::length && buffered)
    return ready(Size(took(take_buffered(buffer))));
  return read_framed(buffer);
}

Awaitable<util::Result<std::size_t>> Connection::read_continued(std::span<char> buffer) {
  expect_continue_ = false;
  if (begin_ == end_) {
    const bool asked = co_await stream_.write("HTTP/1.1 100 Continue\r\n\r\n");
    if (!asked) co_return util::fail(util::Errc::closed, "the client is gone");
  }
  co_return co_await read_framed(buffer);
}

Awaitable<util::Result<std::size_t>> Connection::read_framed(std::span<char> buffer) {
  return framing_.kind == MessageFraming::length ? read_length(buffer) : read_chunked(buffer);
}

// What came together with the head, without what belongs to the next request.
std::size_t Connection::take_buffered(std::span<char> buffer) {
  std::size_t n = std::min(buffer.size(), end_ - begin_);
  if (framing_.kind == MessageFraming::length) n = std::min<std::uint64_t>(n, body_left_);
  std::memcpy(buffer.data(), in_.data() + begin_, n);
  begin_ += n;
  return n;
}

// Of a body of known length.
std::size_t Connection::took(std::size_t size) {
  body_left_ -= size;
  body_done_ = body_left_ == 0;
  return size;
}

Awaitable<std::ptrdiff_t> Connection::read_raw(std::span<char> buffer) {
  if (begin_ < end_) co_return static_cast<std::ptrdiff_t>(take_buffered(buffer));
  deadline_.set(util::Clock::now() + limits_.body_timeout);
  const std::ptrdiff_t n = co_await stream_.read(buffer);
  deadline_.clear();
  if (n <= 0) {
    keep_alive_ = false;
    body_broken_ = true;
  }
  co_return n;
}

Awaitable<util::Result<std::size_t>> Connection::read_length(std::span<char> buffer) {
  const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), body_left_));
  const std::ptrdiff_t n = co_await read_raw(buffer.first(want));
  if (n <= 0)
    co_return util::fail(timed_out_ ? util::Errc::timed_out : util::Errc::closed,
                         "the request body ended early");
  co_return took(static_cast<std::size_t>(n));
}

Awaitable<util::Result<std::size_t>> Connection::read_chunked(std::span<char> buffer) {
  std::size_t decoded = 0;
  while (decoded == 0 && !body_done_) {
    const bool buffered = begin_ < end_;
    const std::ptrdiff_t n = co_await read_raw(buffer);
    if (n <= 0)
      co_return util::fail(timed_out_ ? util::Errc::timed_out : util::Errc::closed,
                           "the request body ended early");
    // Decoded in place: the payload only ever moves towards the front.
    std::string_view rest(buffer.data(), static_cast<std::size_t>(n));
    for (auto data = chunks_.next(rest); !data.empty(); data = chunks_.next(rest)) {
      std::memmove(buffer.data() + decoded, data.data(), data.size());
      decoded += data.size();
    }
    if (chunks_.broken()) {
      keep_alive_ = false;
      co_return util::fail(util::Errc::invalid, std::string(chunks_.error()));
    }
    body_done_ = chunks_.complete();
    if (body_done_ && !rest.empty()) {
      // The next request came along. It stays in in_, or has to be kept until the head there is not
      // needed any more.
      if (buffered)
        begin_ -= rest.size();
      else
        early_.assign(rest);
    }
    body_seen_ += decoded;
    if (body_seen_ > limits_.max_body) {
      keep_alive_ = false;
      co_return util::fail(util::Errc::too_large, "the request body is over the limit");
    }
  }
  co_return decoded;
}

Awaitable<bool> Connection::drain_body() {
  if (body_done_) co_return true;
  if (expect_continue_)
    co_return false;  // the client may or may not send it: nobody can tell what comes next
  if (framing_.kind == MessageFraming::length && body_left_ > kMaxDrain) co_return false;
  std::array<char, 4096> sink;
  for (std::size_t seen = 0; seen <= kMaxDrain;) {
    const auto n = co_await read_body(sink);
    if (!n) co_return false;
    if (*n == 0) co_return true;
    seen += *n;
  }
  co_return false;
}

// ---------------------------------------------------------------- answers

void Connection::append_head(const ResponseHead& head, BodyFraming framing) {
  out_.append(head_.version_minor == 0 ? "HTTP/1.0 " : "HTTP/1.1 ");
  util::append_number(out_, static_cast<std::uint64_t>(head.status));
  out_.append(" ").append(head.reason.empty() ? reason_phrase(head.status) : head.reason);
  out_.append("\r\n");
  bool dated = false;
  bool named = request_id_.empty();
  for (const Header& header : head.headers) {
    out_.append(header.name).append(": ").append(header.value).append("\r\n");
    dated = dated || util::iequals(header.name, "Date");
    named = named || util::iequals(header.name, kRequestIdField);
  }
  if (head.status < 200) {
    out_ += "\r\n";
    return;
  }
  if (!dated) out_.append("Date: ").append(http_date()).append("\r\n");
  if (!named) out_.append(kRequestIdField).append(": ").append(request_id_).append("\r\n");
  if (!is_bodiless(head.status)) {
    if (framing.kind == BodyFraming::length) {
      out_ += "Content-Length: ";
      util::append_number(out_, framing.length_bytes);
      out_ += "\r\n";
    } else if (framing.kind == BodyFraming::none && !head_only_) {
      out_ += "Content-Length: 0\r\n";
    } else if (framing.kind != BodyFraming::none && takes_chunked()) {
      out_ += "Transfer-Encoding: chunked\r\n";
    }
  }
  if (!keep_alive_)
    out_ += "Connection: close\r\n";
  else if (head_.version_minor == 0)
    out_ += "Connection: keep-alive\r\n";
  out_ += "\r\n";
}

Awaitable<util::Result<void>> Connection::send(std::string_view a, std::string_view b,
                                               std::string_view c) {
  Awaitable<bool> sending = stream_.write(a, b, c);
  if (sending.await_ready()) return ready(after_sending(sending.await_resume()));
  return send_rest(std::move(sending));
}

Awaitable<util::Result<void>> Connection::send_rest(Awaitable<bool> sending) {
  deadline_.set(util::Clock::now() + limits_.write_timeout);
  const bool sent = co_await sending;
  deadline_.clear();
  co_return after_sending(sent);
}

util::Result<void> Connection::after_sending(bool sent) {
  if (sent) return {};
  client_gone_ = true;
  keep_alive_ = false;
  return gone();
}

Awaitable<util::Result<void>> Connection::respond(const ResponseHead& head, BodyFraming framing,
                                                  std::string_view first) {
  status_ = head.status;
  const bool until_close = framing.kind == BodyFraming::unknown && !takes_chunked();
  // A body nobody read, that will not be drained: said now, so that the client does not send
  // another request.
  const bool drains = !expect_continue_ && !body_broken_ && body_left_ <= kMaxDrain &&
                      framing_.length_bytes <= limits_.max_body;
  if (until_close || (!body_done_ && !drains)) keep_alive_ = false;
  out_.clear();
  append_head(head, framing);
  if (head_only_ || is_bodiless(head.status) || framing.kind == BodyFraming::none) {
    sending_ = Sending::done;
    return send(out_);
  }
  switch (framing.kind) {
    case BodyFraming::length:
      sending_ = Sending::length;
      to_send_ = framing.length_bytes;
      break;
    case BodyFraming::chunked:
      sending_ = Sending::ready_chunks;
      break;
    default:
      sending_ = until_close ? Sending::until_close : Sending::own_chunks;
  }
  if (sending_ == Sending::own_chunks && !first.empty()) {
    fmt::format_to(std::back_inserter(out_), "{:x}\r\n", first.size());
    bytes_sent_ += first.size();
    return send(out_, first, "\r\n");
  }
  if (sending_ == Sending::length) {
    first = first.substr(0, std::min<std::uint64_t>(first.size(), to_send_));
    to_send_ -= first.size();
  }
  if (sending_ != Sending::ready_chunks) bytes_sent_ += first.size();
  return send(out_, first);
}

std::ptrdiff_t Connection::try_write(std::string_view data) {
  switch (sending_) {
    case Sending::done:
      return static_cast<std::ptrdiff_t>(data.size());
    case Sending::nothing:
    case Sending::own_chunks:  // a chunk goes out whole: only write() can
      return client_gone_ ? -1 : 0;
    case Sending::length:
      data = data.substr(0, std::min<std::uint64_t>(data.size(), to_send_));
      break;
    case Sending::ready_chunks:
    case Sending::until_close:
      break;
  }
  if (data.empty()) return 0;
  const std::ptrdiff_t n = stream_.try_write(data);
  if (n == Stream::kBlocked) return 0;
  if (n < 0) {
    client_gone_ = true;
    keep_alive_ = false;
    return -1;
  }
  if (sending_ == Sending::length) to_send_ -= static_cast<std::uint64_t>(n);
  if (sending_ != Sending::ready_chunks) bytes_sent_ += static_cast<std::uint64_t>(n);
  return n;
}

Awaitable<util::Result<void>> Connection::write(std::string_view data) {
  const util::Result<void> done;
  if (sending_ == Sending::own_chunks) {
    if (data.empty()) return ready(done);
    out_.clear();
    fmt::format_to(std::back_inserter(out_), "{:x}\r\n", data.size());
    bytes_sent_ += data.size();
    return send(out_, data, "\r\n");
  }
  if (sending_ == Sending::length) {
    data = data.substr(0, std::min<std::uint64_t>(data.size(), to_send_));
    to_send_ -= data.size();
  }
  if (sending_ == Sending::done || data.empty()) return ready(done);
  if (sending_ != Sending::ready_chunks) bytes_sent_ += data.size();
  return send(data);
}

Awaitable<util::Result<void>> Connection::finish() {
  const Sending was = sending_;
  using Done = util::Result<void>;
  if (was == Sending::length && to_send_ > 0) {
    abort();
    return ready(Done(util::fail(util::Errc::internal, "the answer is shorter than promised")));
  }
  sending_ = Sending::done;
  return was == Sending::own_chunks ? send("0\r\n\r\n") : ready(Done());
}

Awaitable<util::Result<void>> Connection::inform(const ResponseHead& head) {
  if (head_.version_minor == 0) return ready(util::Result<void>());  // knows no 1xx
  out_.clear();
  append_head(head, {});
  return send(out_);
}

void Connection::abort() {
  keep_alive_ = false;
  // Where only the end of the connection ends the answer, a clean end would look complete.
  if (sending_ == Sending::until_close)
    stream_.reset();
  else
    stream_.cut();
  sending_ = Sending::done;
}

Awaitable<util::Result<Stream*>> Connection::upgrade(const ResponseHead& head, std::string& early) {
  status_ = head.status;
  keep_alive_ = false;
  upgraded_ = true;
  out_.clear();
  append_head(head, {});
  sending_ = Sending::done;
  const auto sent = co_await send(out_);
  if (!sent) co_return tl::unexpected(sent.error());
  early.assign(unread());
  begin_ = end_;
  co_return &stream_;
}

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
