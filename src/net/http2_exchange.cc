#include "net/http2_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "net/http1_head.h"
#include "net/http2_session.h"
#include "util/text.h"

namespace llama_swap::net {
namespace {

constexpr std::size_t kKeptBuffer = 4 << 10;  // of a stream that is quiet for the moment
constexpr std::size_t kMaxDrain = 256 << 10;  // of a body nobody read, rather than a reset
// A client that takes this much is not stalled; one that takes less per write_timeout is.
constexpr std::size_t kProgress = 16 << 10;

util::Result<void> gone() {
  return util::fail(util::Errc::closed, "the client is gone");
}

// Empties a buffer of which all is used up.
void clear(std::string& buffer, std::size_t& begin) {
  buffer.clear();
  begin = 0;
  if (buffer.capacity() > kKeptBuffer) buffer.shrink_to_fit();
}

}  // namespace

Http2Exchange::Http2Exchange(Http2Session& session, std::int32_t id)
    : session_(session),
      id_(id),
      fields_(session.limits().max_head),
      wakeup_(session.loop()),
      body_deadline_(session.wheel(),
                     [this] {
                       timed_out_ = true;
                       if (handler_ended_) session_.reset(id_, Http2Session::Reset::no_error);
                       rouse();
                     }),
      write_deadline_(session.wheel(),
                      [this] { session_.reset(id_, Http2Session::Reset::cancel); }),
      gone_deadline_(session.wheel(), [this] { tell_gone(); }) {}

std::string_view Http2Exchange::remote_ip() const {
  return session_.remote_ip();
}

Awaitable<void> Http2Exchange::sleep() {
  waits_ = true;
  co_await wakeup_.wait();
  waits_ = false;
}

void Http2Exchange::rouse() {
  if (waits_) wakeup_.notify();
}

// ---------------------------------------------------------------- the request

void Http2Exchange::begin(bool body_follows) {
  begun_ = true;
  body_follows_ = body_follows;
  request_ended_ = !body_follows;
  fault_ = fields_.finish(head_);
  if (has_fault()) return;
  const MessageFraming framing = request_framing(head_);
  if (framing.kind == MessageFraming::length) content_length_ = framing.length_bytes;
  const std::string_view* const expect = head_.find("Expect");
  expect_continue_ = expect != nullptr && util::iequals(*expect, "100-continue");
}

void Http2Exchange::refuse() {
  handler_ended_ = true;
  const std::string text =
      fmt::format("{} {}: {}\n", fault_.status, reason_phrase(fault_.status), fault_.reason);
  ResponseHead head;
  head.status = fault_.status;
  head.headers.push_back({"Content-Type", "text/plain; charset=utf-8"});
  // Never waits, as the text fits the buffer.
  const auto answered = respond(head, {BodyFraming::length, text.size()}, text);
  complete();
}

void Http2Exchange::receive(std::string_view data) {
  expect_continue_ = false;
  received_ += data.size();
  if (handler_ended_) return drain(data.size());
  in_.append(data);
  rouse();
}

void Http2Exchange::receive_end() {
  request_ended_ = true;
  body_deadline_.clear();
  rouse();
}

std::size_t Http2Exchange::take_body(std::span<char> buffer) {
  const std::size_t n = std::min(buffer.size(), unread());
  std::memcpy(buffer.data(), in_.data() + in_begin_, n);
  in_begin_ += n;
  body_taken_ += n;
  if (unread() == 0) clear(in_, in_begin_);
  session_.consume(id_, n);
  return n;
}

// Of a body nobody reads. Some clients take a reset for a failure, even if they have the answer.
void Http2Exchange::drain(std::size_t size) {
  drained_ += size;
  if (drained_ <= kMaxDrain) return session_.consume(id_, size);
  session_.discard(size);
  if (end_sent_) session_.reset(id_, Http2Session::Reset::no_error);
}

// What has come of the body, within the limit.
util::Result<std::size_t> Http2Exchange::take_allowed(std::span<char> buffer) {
  const std::uint64_t limit = session_.limits().max_body;
  if (content_length_.value_or(0) > limit || body_taken_ + unread() > limit)
    return util::fail(util::Errc::too_large, "the request body is over the limit");
  return take_body(buffer);
}

Awaitable<util::Result<std::size_t>> Http2Exchange::read_body(std::span<char> buffer) {
  using Size = util::Result<std::size_t>;
  if (body_is_whole()) return ready(Size(0));
  const bool announced = content_length_.value_or(0) > session_.limits().max_body;
  if ((unread() > 0 || announced) && !client_gone_) return ready(take_allowed(buffer));
  return wait_for_body(buffer);
}

Awaitable<util::Result<std::size_t>> Http2Exchange::wait_for_body(std::span<char> buffer) {
  if (expect_continue_) {
    expect_continue_ = false;
    ResponseHead go_on;
    go_on.status = 100;
    const auto informed = co_await inform(go_on);
    if (!informed) co_return tl::unexpected(informed.error());
  }
  body_deadline_.set(util::Clock::now() + session_.limits().body_timeout);
  while (unread() == 0 && !request_ended_ && !client_gone_ && !timed_out_) co_await sleep();
  body_deadline_.clear();
  if (unread() > 0 && !client_gone_) co_return take_allowed(buffer);
  if (request_ended_ && unread() == 0) co_return std::size_t{0};
  body_broken_ = true;
  co_return util::fail(timed_out_ ? util::Errc::timed_out : util::Errc::closed,
                       "the request body ended early");
}

// ---------------------------------------------------------------- the answer

Awaitable<util::Result<void>> Http2Exchange::respond(const ResponseHead& head, BodyFraming framing,
                                                     std::string_view first) {
  assert(framing.kind != BodyFraming::chunked);
  using Done = util::Result<void>;
  status_ = head.status;
  if (closed_) return ready(gone());
  const bool bodiless = head_.method == "HEAD" || is_bodiless(head.status) ||
                        framing.kind == BodyFraming::none ||
                        (framing.kind == BodyFraming::length && framing.length_bytes == 0);
  if (bodiless) {
    sending_ = Sending::done;
  } else if (framing.kind == BodyFraming::length) {
    sending_ = Sending::length;
    to_send_ = framing.length_bytes;
  } else {
    sending_ = Sending::open;
  }
  session_.send_head(*this, head, framing, bodiless);
  return bodiless ? ready(Done()) : write(first);
}

// The part of `data` that belongs to the answer; it counts as written.
std::string_view Http2Exchange::clip(std::string_view data) {
  if (sending_ != Sending::length) return data;
  return data.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(data.size(), to_send_)));
}

// As much of `data` as there is room for.
std::size_t Http2Exchange::put(std::string_view data) {
  data = data.substr(0, kMaxUnsent - unsent());
  if (data.empty()) return 0;
  if (out_begin_ > 0 && out_.size() + data.size() > kMaxUnsent) {
    out_.erase(0, out_begin_);
    out_begin_ = 0;
  }
  if (!write_deadline_.is_set()) {
    write_deadline_.set(util::Clock::now() + session_.limits().write_timeout);
    sent_in_time_ = 0;
  }
  out_.append(data);
  bytes_sent_ += data.size();
  if (sending_ == Sending::length) {
    to_send_ -= data.size();
    if (to_send_ == 0) sending_ = Sending::done;
  }
  session_.resume(id_);
  return data.size();
}

std::ptrdiff_t Http2Exchange::try_write(std::string_view data) {
  switch (sending_) {
    case Sending::done:
    case Sending::aborted:
      return static_cast<std::ptrdiff_t>(data.size());
    case Sending::nothing:
      return client_gone_ ? -1 : 0;
    case Sending::length:
    case Sending::open:
      break;
  }
  if (closed_) return -1;
  return static_cast<std::ptrdiff_t>(put(clip(data)));
}

Awaitable<util::Result<void>> Http2Exchange::write(std::string_view data) {
  using Done = util::Result<void>;
  data = clip(data);
  if (data.empty() || answer_ended() || aborted()) return ready(Done());
  if (closed_) return ready(gone());
  data.remove_prefix(put(data));
  return data.empty() ? ready(Done()) : write_rest(data);
}

Awaitable<util::Result<void>> Http2Exchange::write_rest(std::string_view data) {
  while (!data.empty()) {
    while (unsent() == kMaxUnsent && !closed_) co_await sleep();
    if (closed_) co_return gone();
    data.remove_prefix(put(data));
  }
  co_return util::Result<void>();
}

Awaitable<util::Result<void>> Http2Exchange::finish() {
  using Done = util::Result<void>;
  if (sending_ == Sending::length) {
    abort();
    return ready(Done(util::fail(util::Errc::internal, "the answer is shorter than promised")));
  }
  if (sending_ != Sending::open) return ready(Done());
  sending_ = Sending::done;
  if (closed_) return ready(gone());
  // The end needs a window, too (nghttp2 sends no DATA frame without one).
  if (!write_deadline_.is_set())
    write_deadline_.set(util::Clock::now() + session_.limits().write_timeout);
  session_.resume(id_);
  return ready(Done());
}

Awaitable<util::Result<void>> Http2Exchange::inform(const ResponseHead& head) {
  if (closed_) return ready(gone());
  session_.send_informational(*this, head);
  return ready(util::Result<void>());
}

void Http2Exchange::abort() {
  if (sending_ == Sending::aborted || (answer_ended() && unsent() == 0)) return;
  sending_ = Sending::aborted;
  if (closed_) return;
  if (unsent() > 0)
    session_.resume(id_);
  else
    session_.reset(id_, Http2Session::Reset::internal_error);
}

Awaitable<util::Result<Stream*>> Http2Exchange::upgrade(const ResponseHead&, std::string&) {
  using Result = util::Result<Stream*>;
  return ready(Result(util::fail(util::Errc::invalid, "HTTP/2 switches no protocols")));
}

void Http2Exchange::take(std::size_t size, std::string& to) {
  to.append(out_, out_begin_, size);
  out_begin_ += size;
  sent_in_time_ += size;
  if (unsent() == 0) {
    clear(out_, out_begin_);
    write_deadline_.clear();
  } else if (sent_in_time_ >= kProgress) {
    sent_in_time_ = 0;
    write_deadline_.set(util::Clock::now() + session_.limits().write_timeout);
  }
  rouse();
}

void Http2Exchange::on_end_sent() {
  end_sent_ = true;
  if (handler_ended_) stop_client();
}

// The answer is out, and the rest of the request concerns nobody (RFC 9113 8.1).
void Http2Exchange::stop_client() {
  if (request_ended_ || closed_) return;
  const std::uint64_t left = content_length_.value_or(received_) - received_;
  if (expect_continue_ || drained_ + left > kMaxDrain)
    session_.reset(id_, Http2Session::Reset::no_error);
  else
    body_deadline_.set(util::Clock::now() + session_.limits().body_timeout);
}

void Http2Exchange::complete() {
  watch_client(nullptr);
  handler_ended_ = true;
  drain(unread());
  clear(in_, in_begin_);
  if (closed_) return;
  if (!responded()) {
    ResponseHead head;
    head.status = body_broken_ ? 400 : 500;
    const auto answered = respond(head, {BodyFraming::none}, {});  // does not wait
  } else if (!answer_ended()) {
    abort();
  }
  if (end_sent_) stop_client();
}

// ---------------------------------------------------------------- the client

void Http2Exchange::close(bool clean) {
  closed_ = true;
  client_gone_ = client_gone_ || !clean;
  body_deadline_.clear();
  write_deadline_.clear();
  rouse();
}

void Http2Exchange::tell_gone() {
  if (auto gone = std::exchange(gone_, nullptr); gone && client_gone_) gone();
}

void Http2Exchange::watch_client(std::function<void()> gone) {
  gone_ = std::move(gone);
  if (gone_ && client_gone_)
    gone_deadline_.set(util::Clock::now());
  else
    gone_deadline_.clear();
}

bool Http2Exchange::look_for_client() {
  if (!client_gone_ && session_.connection_lost()) close(false);
  if (client_gone_) tell_gone();
  return client_gone_;
}

}  // namespace llama_swap::net
