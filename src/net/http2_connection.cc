#include "net/http2_connection.h"

#include <boost/asio/post.hpp>

namespace llama_swap::net {
namespace {

constexpr std::size_t kFirstBuffer = 4 << 10;
constexpr std::size_t kLargestBuffer = 64 << 10;
// Then it is the turn of others, even if this client sends faster than we read.
constexpr auto kTurn = std::chrono::milliseconds(2);
constexpr auto kLinger = std::chrono::seconds(2);
// While draining, for what the client has not taken when the last handler has ended.
constexpr auto kLastMoments = std::chrono::seconds(2);
constexpr std::size_t kMaxLinger = 1 << 20;  // bytes

}  // namespace

Http2Connection::Http2Connection(Stream stream, std::string remote_ip, TimerWheel& wheel,
                                 const ServerLimits& limits, const Handler& handler)
    : stream_(std::move(stream)),
      limits_(limits),
      handler_(handler),
      session_(stream_.loop(), wheel, limits, std::move(remote_ip), *this),
      to_write_(stream_.loop()),
      unclogged_(stream_.loop()),
      progress_(stream_.loop()),
      deadline_(wheel, [this] { on_deadline(); }),
      write_deadline_(wheel, [this] { stream_.cut(); }),
      last_deadline_(wheel, [this] { on_last_deadline(); }) {}

Awaitable<void> Http2Connection::run(std::string early) {
  writing_ = true;
  spawn(stream_.loop(), write_out(shared_from_this()));
  co_await read_in(std::move(early));
  ended_ = true;
  deadline_.clear();
  last_deadline_.clear();
  stream_.cut();
  session_.lose();
  to_write_.notify();
  while (writing_ || session_.exchanges() > 0) co_await progress_.wait();
  stream_.close();
}

Awaitable<void> Http2Connection::read_in(std::string early) {
  std::vector<char> buffer(kFirstBuffer);
  std::string_view data = early;
  std::size_t lingered = 0;
  util::Time turn_began = util::Clock::now();
  for (;;) {
    if (said_all_) {
      // Closing with unread input would make the kernel reset the connection, which can take our
      // last words away from the client.
      lingered += data.size();
      if (lingered > kMaxLinger) co_return;
    } else {
      const bool understood = session_.feed(data);
      if (!understood) co_return;
      while (session_.is_clogged() && !stream_.was_cut()) co_await unclogged_.wait();
    }
    set_deadline();
    const bool others_turn = util::Clock::now() - turn_began > kTurn;
    if (others_turn) co_await boost::asio::post(stream_.loop(), use_awaitable);
    Awaitable<std::ptrdiff_t> reading = stream_.read(buffer);
    const bool waits = !reading.await_ready();
    const std::ptrdiff_t n = co_await reading;
    if (others_turn || waits) turn_began = util::Clock::now();
    if (n <= 0) co_return;
    data = {buffer.data(), static_cast<std::size_t>(n)};
    if (data.size() == buffer.size() && buffer.size() < kLargestBuffer) {
      early.assign(data);
      data = early;
      buffer.resize(buffer.size() * 4);
    }
  }
}

Awaitable<void> Http2Connection::write_out(std::shared_ptr<Http2Connection> self) {
  std::string out;
  bool sent = true;
  while (sent && !self->ended_) {
    self->output_ = false;
    bool more = true;
    while (more && sent) {
      out.clear();
      more = self->session_.fill(out);
      sent = co_await self->send(out);
    }
    self->unclogged_.notify();
    self->set_deadline();
    if (out.capacity() > kFirstBuffer) std::string().swap(out);
    if (self->session_.over()) self->end_writing();
    if (sent && !self->output_ && !self->ended_) co_await self->to_write_.wait();
  }
  self->stream_.cut();  // wakes the reader
  self->writing_ = false;
  self->unclogged_.notify();
  self->progress_.notify();
}

Awaitable<bool> Http2Connection::send(std::string_view data) {
  Awaitable<bool> sending = stream_.write(data);
  if (!sending.await_ready()) write_deadline_.set(util::Clock::now() + limits_.write_timeout);
  const bool sent = co_await sending;
  write_deadline_.clear();
  co_return sent;
}

void Http2Connection::end_writing() {
  if (std::exchange(said_all_, true)) return;
  stream_.end_writing();
  session_.lose();  // whoever has not been answered will not be
  last_deadline_.clear();
  deadline_.set(util::Clock::now() + kLinger);
}

void Http2Connection::on_request(Http2Exchange& exchange) {
  spawn(stream_.loop(), handle(shared_from_this(), exchange));
}

Awaitable<void> Http2Connection::handle(std::shared_ptr<Http2Connection> self,
                                        Http2Exchange& exchange) {
  ++self->handlers_;
  self->last_deadline_.clear();
  co_await self->handler_(exchange);
  --self->handlers_;
  self->session_.handler_ended(exchange);
  self->set_deadline();
  self->set_last_deadline();
  if (self->ended_) self->progress_.notify();
}

void Http2Connection::on_output() {
  if (std::exchange(output_, true)) return;
  to_write_.notify();
}

void Http2Connection::drain() {
  draining_ = true;
  session_.drain();
  set_last_deadline();
}

// Whoever has taken nothing of an answer holds up nobody's shutdown.
void Http2Connection::set_last_deadline() {
  if (draining_ && !said_all_ && !ended_ && handlers_ == 0)
    last_deadline_.set(util::Clock::now() + kLastMoments);
}

void Http2Connection::on_last_deadline() {
  if (std::exchange(gave_up_, true)) return stream_.cut();
  session_.give_up();
  last_deadline_.set(util::Clock::now() + kLinger);  // it may not even take the reset
}

// Each lasts as long as the state it belongs to, however often something comes in meanwhile: a PING
// keeps no idle connection open, and a dripping header block is not given more time.
void Http2Connection::set_deadline() {
  using Waiting = Http2Session::Waiting;
  if (said_all_ || ended_) return;
  const Waiting now = session_.waiting();
  if (now == waiting_) return;
  waiting_ = now;
  if (now == Waiting::nothing)
    deadline_.clear();
  else
    deadline_.set(util::Clock::now() +
                  (now == Waiting::request ? limits_.idle_timeout : limits_.head_timeout));
}

void Http2Connection::on_deadline() {
  if (waiting_ == Http2Session::Waiting::request && !said_all_)
    session_.drain();
  else
    stream_.cut();
}

}  // namespace llama_swap::net
