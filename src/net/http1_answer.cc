// The answers to requests: heads, and bodies in the framing that the client understands.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "net/http1_connection.h"
#include "util/text.h"

namespace llama_swap::net {
namespace {

util::Result<void> gone() {
  return util::fail(util::Errc::closed, "the client is gone");
}

}  // namespace

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

}  // namespace llama_swap::net
