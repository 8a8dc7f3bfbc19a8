#include "relay/relay.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/hop_by_hop.h"
#include "net/http1_head.h"
#include "net/stream.h"
#include "relay/answer_body.h"
#include "relay/request_head.h"
#include "relay/send.h"
#include "relay/tunnel.h"
#include "util/text.h"

namespace llama_swap::relay {
namespace {

using net::BodyFraming;
using net::MessageFraming;
using net::Stream;

// What is read at a time: enough for a head or an event, as a thousand quiet streams hold one each;
// more for those whose reads fill it.
constexpr std::size_t kSmallBuffer = 1 << 10;
constexpr std::size_t kLargeBuffer = 64 << 10;
constexpr std::size_t kGrowth = 4;
constexpr int kMaxInformational = 100;  // before an answer
constexpr std::chrono::milliseconds kRoundTrip{1000};

// One request under way.
class Run {
 public:
  Run(net::Exchange& exchange, net::Upstream& upstream, net::TimerWheel& wheel,
      const Request& request)
      : exchange_(exchange), upstream_(upstream), request_(request), wheel_(wheel) {}
  ~Run() { exchange_.watch_client(nullptr); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  net::Awaitable<Outcome> run();

 private:
  enum class Attempt { answered, stale, late, failed };

  net::Awaitable<Attempt> attempt();
  net::Awaitable<Attempt> receive_head();
  bool was_on_its_way() const;
  net::Awaitable<Outcome> switch_protocols();
  net::Awaitable<Outcome> pass_on();
  BodyFraming client_framing() const;
  const net::ResponseHead& client_head();
  const net::ReceivedHead& received() const { return connection_->received; }
  net::Awaitable<bool> to_client(std::string_view data);
  Outcome broke_off(std::string why);
  Outcome client_gone() { return {Outcome::client_gone, "the client left"}; }

  net::Exchange& exchange_;
  net::Upstream& upstream_;
  const Request& request_;
  net::TimerWheel& wheel_;
  net::Upstream::Cancel cancel_connect_;
  std::unique_ptr<net::UpstreamConnection> connection_;
  bool sent_whole_ = false;
  util::Time sent_at_;  // only on a connection that has been used before
  std::string error_;

  // [begin_, end_) of the connection's `in` has been read from the upstream and not been passed on.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  MessageFraming framing_;
};

net::Awaitable<Outcome> Run::run() {
  // The client's leaving ends whatever we are waiting for at the upstream.
  exchange_.watch_client([this] {
    if (connection_) connection_->stream.cut();
    if (cancel_connect_) cancel_connect_();
  });
  connection_ = upstream_.take_idle();
  Attempt result = Attempt::stale;
  bool connects = true;
  while (result == Attempt::stale && !exchange_.client_gone()) {
    if (!connection_) {
      auto connected = co_await upstream_.connect(cancel_connect_);
      if (!connected) {
        error_ = connected.error().message;
        connects = false;
        break;
      }
      connection_ = std::move(*connected);
      if (exchange_.client_gone()) break;
    }
    result = co_await attempt();
    if (result == Attempt::stale) connection_ = nullptr;
  }
  if (exchange_.client_gone()) co_return client_gone();
  if (result == Attempt::late) co_return Outcome{Outcome::header_timeout, error_};
  if (result != Attempt::answered) co_return Outcome{Outcome::unreachable, error_, !connects};
  if (received().status == 101) co_return co_await switch_protocols();
  co_return co_await pass_on();
}

// Sends the request and reads the head of the answer.
net::Awaitable<Run::Attempt> Run::attempt() {
  begin_ = end_ = 0;
  if (connection_->in.empty()) connection_->in.resize(kSmallBuffer);
  const auto limit = upstream_.timeouts().response_header;
  make_request_head(exchange_, upstream_, request_, connection_->out);
  const Sent sent = co_await send(*connection_, wheel_, limit, request_);
  sent_whole_ = sent.kind == Sent::whole;
  if (connection_->reused) sent_at_ = util::Clock::now();
  if (exchange_.client_gone()) co_return Attempt::failed;
  if (sent.kind == Sent::late) {
    error_ = "timed out sending the request";
    co_return Attempt::late;
  }
  if (sent.kind == Sent::failed) {
    error_ = sent.error;
    co_return Attempt::failed;
  }
  // A server may answer and close before it has read the whole body: a failed write is not the end.
  bool late = false;
  net::Deadline deadline(wheel_, [this, &late] {
    late = true;
    connection_->stream.cut();
  });
  if (limit.count() > 0) deadline.set(util::Clock::now() + limit);
  const Attempt result = co_await receive_head();
  if (!late) co_return result;
  error_ = "timed out waiting for the head of the answer";
  co_return Attempt::late;
}

// A close that was on its way when the request was sent comes within a round trip. What comes later
// may be the server's answer to a request that it has begun to process: that must not be done
// twice, unless doing it twice is harmless (RFC 9110 9.2.2).
bool Run::was_on_its_way() const {
  const std::string_view method = exchange_.request().method;
  return util::Clock::now() - sent_at_ < kRoundTrip || method == "GET" || method == "HEAD" ||
         method == "PUT" || method == "DELETE";
}

// `stale`: a pooled connection turned out to be closed before the first byte of an answer, and the
// request may be sent again.
net::Awaitable<Run::Attempt> Run::receive_head() {
  net::HeadProgress progress;
  int informed = 0;  // 1xx answers
  for (;;) {
    if (end_ > begin_) {
      const net::HeadResult result = net::parse_response(
          {connection_->in.data() + begin_, end_ - begin_}, connection_->received, progress);
      if (result.kind == net::HeadResult::error) {
        error_ = "the upstream's answer is not HTTP: " + std::string(result.reason);
        co_return Attempt::failed;
      }
      if (result.kind == net::HeadResult::done) {
        begin_ += result.consumed;
        if (received().status >= 200 || received().status == 101) co_return Attempt::answered;
        if (++informed > kMaxInformational) {
          error_ = "the upstream sends 1xx answers without end";
          co_return Attempt::failed;
        }
        // 1xx: passed on, but for 100, which answers an Expect that is not forwarded.
        if (received().status != 100) {
          const auto passed_on = co_await exchange_.inform(client_head());
          if (!passed_on) co_return Attempt::failed;
        }
        std::copy(connection_->in.begin() + static_cast<std::ptrdiff_t>(begin_),
                  connection_->in.begin() + static_cast<std::ptrdiff_t>(end_),
                  connection_->in.begin());
        end_ -= begin_;
        begin_ = 0;
        progress = {};
        continue;
      }
    }
    if (end_ == connection_->in.size()) connection_->in.resize(connection_->in.size() * kGrowth);
    const std::ptrdiff_t n = co_await connection_->stream.read(
        {connection_->in.data() + end_, connection_->in.size() - end_});
    if (n <= 0) {
      const bool unanswered = end_ == 0 && informed == 0 && was_on_its_way();
      error_ =
          n == 0 ? "the upstream closed the connection" : "the connection to the upstream broke";
      co_return unanswered && connection_->reused && !connection_->stream.was_cut()
          ? Attempt::stale
          : Attempt::failed;
    }
    end_ += static_cast<std::size_t>(n);
  }
}

// The answer's head as the client gets it: without what concerned our connection to the upstream.
const net::ResponseHead& Run::client_head() {
  const net::ConnectionTokens named(received().headers);
  net::ResponseHead& out = connection_->passed_on;
  out.status = received().status;
  out.reason = received().reason;
  out.headers.clear();
  bool events = false;
  for (const net::Header& header : received().headers) {
    if (net::is_hop_by_hop(header.name) || named.names(header.name)) continue;
    if (util::iequals(header.name, "Content-Length")) continue;  // the exchange writes it
    if (util::iequals(header.name, "Content-Type"))
      events = events || util::icontains(header.value, "text/event-stream");
    out.headers.push_back(header);
  }
  if (events) {
    std::erase_if(out.headers, [](const net::Header& header) {
      return util::iequals(header.name, "X-Accel-Buffering");
    });
    out.headers.push_back({"X-Accel-Buffering", "no"});
  }
  return out;
}

net::Awaitable<Outcome> Run::switch_protocols() {
  if (!request_.allow_upgrade || !is_upgrade(exchange_.request()))
    co_return broke_off("unasked-for 101");
  if (!switches_to_websocket(received().headers))
    co_return broke_off("the upstream's 101 is for another protocol than websocket");
  net::ResponseHead head = client_head();
  head.headers.push_back({"Connection", "Upgrade"});
  head.headers.push_back({"Upgrade", "websocket"});
  if (request_.on_head) request_.on_head(head, {BodyFraming::none});
  std::string early;
  const auto client = co_await exchange_.upgrade(head, early);
  if (!client) co_return client_gone();
  exchange_.watch_client(nullptr);
  co_await tunnel(**client, early, connection_->stream,
                  {connection_->in.data() + begin_, end_ - begin_});
  co_return Outcome{};
}

// How the client is told the length of what the upstream frames as `framing_`.
BodyFraming Run::client_framing() const {
  switch (framing_.kind) {
    case MessageFraming::length:
      return {BodyFraming::length, framing_.length_bytes};
    case MessageFraming::chunked:
      return {exchange_.takes_chunked() ? BodyFraming::chunked : BodyFraming::unknown, 0};
    case MessageFraming::until_close:
      return {BodyFraming::unknown, 0};
    default:
      // An answer to HEAD says how long the body would be.
      if (const auto* const length = received().find("Content-Length");
          length != nullptr && exchange_.request().method == "HEAD")
        return {BodyFraming::length, std::strtoull(std::string(*length).c_str(), nullptr, 10)};
      return {BodyFraming::none, 0};
  }
}

net::Awaitable<Outcome> Run::pass_on() {
  framing_ = net::response_framing(received(), exchange_.request().method);
  if (framing_.kind == MessageFraming::error) {
    error_ = "the upstream's answer is ambiguous: " + std::string(framing_.reason);
    co_return Outcome{Outcome::unreachable, error_};
  }
  const BodyFraming framing = client_framing();
  AnswerBody body(framing_, framing, request_.watcher);
  const auto pass = [&] {
    std::string_view unread(connection_->in.data() + begin_, end_ - begin_);
    const std::string_view out = body.pass(unread);
    begin_ = end_ - unread.size();
    // Where the exchange cannot tell payload from framing.
    if (framing.kind == BodyFraming::chunked) exchange_.count_payload(body.payload());
    return out;
  };
  const net::ResponseHead& head = client_head();
  // Said by the head, whose place the body takes.
  const bool may_reuse = sent_whole_ && received().version_minor >= 1 &&
                         framing_.kind != MessageFraming::until_close &&
                         !net::header_has_token(received().headers, "Connection", "close");
  if (request_.on_head) request_.on_head(head, framing);
  const std::string_view first = body.whole() ? std::string_view{} : pass();
  const auto responded = co_await exchange_.respond(head, framing, first);
  if (!responded) co_return client_gone();

  bool closed = false;  // by the upstream, at the end of the body
  while (!body.whole() && !closed) {
    if (body.broken())
      co_return broke_off("the upstream's chunks are broken: " + std::string(body.error()));
    if (end_ == connection_->in.size() && connection_->in.size() < kLargeBuffer)
      connection_->in.resize(connection_->in.size() * kGrowth);
    begin_ = end_ = 0;
    const std::ptrdiff_t n = co_await connection_->stream.read(connection_->in);
    if (exchange_.client_gone()) co_return client_gone();
    std::string_view piece;
    if (n > 0) {
      end_ = static_cast<std::size_t>(n);
      piece = pass();
    } else {
      const auto rest = n == 0 ? body.end() : std::nullopt;
      if (!rest) co_return broke_off("the upstream broke off in the middle of its answer");
      piece = *rest;
      closed = true;
    }
    if (!piece.empty()) {
      const bool taken = co_await to_client(piece);
      if (!taken) co_return client_gone();
    }
  }
  if (framing.kind == BodyFraming::unknown) {
    const auto finished = co_await exchange_.finish();
    if (!finished) co_return client_gone();
  }
  if (!closed && may_reuse && begin_ == end_) upstream_.give_back(std::move(connection_));
  co_return Outcome{};
}

net::Awaitable<bool> Run::to_client(std::string_view data) {
  const std::ptrdiff_t n = exchange_.try_write(data);
  if (n < 0) co_return false;
  data.remove_prefix(static_cast<std::size_t>(n));
  if (data.empty()) co_return true;
  const auto written = co_await exchange_.write(data);
  co_return written.has_value();
}

Outcome Run::broke_off(std::string why) {
  exchange_.abort();
  return {Outcome::broke_off, std::move(why)};
}

}  // namespace

net::Awaitable<Outcome> relay(net::Exchange& exchange, net::Upstream& upstream,
                              net::TimerWheel& wheel, const Request& request) {
  Run run(exchange, upstream, wheel, request);
  co_return co_await run.run();
}

}  // namespace llama_swap::relay
