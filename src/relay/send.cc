#include "relay/send.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace llama_swap::relay {
namespace {

using net::Stream;

constexpr std::size_t kPiece = 256 << 10;  // of a body, where it is read piece by piece

// Looks after a request that is not sent at once: ends the wait for a socket that takes no more.
class Watch {
 public:
  Watch(Stream& stream, net::TimerWheel& wheel, std::chrono::seconds limit)
      : stream_(stream), limit_(limit), deadline_(wheel, [this] { on_deadline(); }) {
    if (limit_.count() > 0) deadline_.set(util::Clock::now() + limit_);
    watch();
  }
  ~Watch() { cancel(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  bool goes_on() const { return !answers_ && !late_; }
  Sent ended() const { return {late_ ? Sent::late : Sent::part, {}}; }

 private:
  void watch() {
    auto on_readable = [this, alive = std::weak_ptr<int>(alive_)](boost::system::error_code ec) {
      if (ec || alive.expired()) return;
      if (!stream_.readable_now()) return watch();
      answers_ = true;
      cancel();
    };
    stream_.socket().async_wait(Stream::Socket::wait_read, std::move(on_readable));
  }
  void cancel() {
    boost::system::error_code ignored;
    stream_.socket().cancel(ignored);
  }
  // Only a socket that has taken nothing since is stuck.
  void on_deadline() {
    if (stream_.bytes_written() != seen_) {
      seen_ = stream_.bytes_written();
      deadline_.set(util::Clock::now() + limit_);
    } else {
      late_ = true;
      stream_.cut();
    }
  }

  Stream& stream_;
  const std::chrono::seconds limit_;
  net::Deadline deadline_;
  std::uint64_t seen_ = stream_.bytes_written();
  bool answers_ = false;
  bool late_ = false;
  const std::shared_ptr<int> alive_ = std::make_shared<int>();
};

net::Awaitable<Sent> send_rest(net::Awaitable<bool> writing, Stream& stream, net::TimerWheel& wheel,
                               std::chrono::seconds limit) {
  Watch watch(stream, wheel, limit);
  const bool good = co_await writing;
  co_return good ? Sent{} : watch.ended();
}

// The general form: a body from a file, or with splices.
net::Awaitable<Sent> send_pieces(net::UpstreamConnection& connection, net::TimerWheel& wheel,
                                 std::chrono::seconds limit, const Request& request) {
  Stream& stream = connection.stream;
  const net::Body& body = *request.body;
  Watch watch(stream, wheel, limit);
  bool good = co_await stream.write(connection.out);
  std::vector<char> piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, body.size())));
  std::uint64_t at = 0;
  auto splice = request.splices.begin();
  while (good && watch.goes_on() && (at < body.size() || splice != request.splices.end())) {
    if (splice != request.splices.end() && splice->offset == at) {
      good = co_await stream.write(splice->text);
      at += splice->length;
      ++splice;
      continue;
    }
    const std::uint64_t until = splice != request.splices.end() ? splice->offset : body.size();
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), until - at));
    const auto n = co_await body.read(at, {piece.data(), want});
    if (!n) co_return Sent{Sent::failed, n.error().message};
    if (*n == 0) co_return Sent{Sent::failed, "the kept request body is short"};
    good = co_await stream.write({piece.data(), *n});
    at += *n;
  }
  const bool whole = good && at == body.size() && splice == request.splices.end();
  co_return whole ? Sent{} : watch.ended();
}

}  // namespace

net::Awaitable<Sent> send(net::UpstreamConnection& connection, net::TimerWheel& wheel,
                          std::chrono::seconds limit, const Request& request) {
  const bool has_body =
      request.body != nullptr && (request.body->size() > 0 || !request.splices.empty());
  if (has_body && (!request.splices.empty() || !request.body->in_memory()))
    return send_pieces(connection, wheel, limit, request);
  net::Awaitable<bool> writing =
      connection.stream.write(connection.out, has_body ? request.body->memory() : "");
  if (!writing.await_ready()) return send_rest(std::move(writing), connection.stream, wheel, limit);
  return net::ready(Sent{writing.await_resume() ? Sent::whole : Sent::part, {}});
}

}  // namespace llama_swap::relay
