// The bodies of requests, as the handler reads them or as they are thrown away.
#include <algorithm>
#include <array>
#include <cstring>

#include "net/http1_connection.h"

namespace llama_swap::net {

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

}  // namespace llama_swap::net
