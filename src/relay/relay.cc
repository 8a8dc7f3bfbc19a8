#include "relay/relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "net/hop_by_hop.h"
#include "net/http1_chunked.h"
#include "net/http1_head.h"
#include "net/stream.h"
#include "relay/request_head.h"
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
constexpr std::size_t kFilePiece = 256 << 10;

// One request under way.
class Run {
 public:
  Run(net::Exchange& exchange, net::Upstream& upstream, net::TimerWheel& wheel,
      const Request& request)
      : exchange_(exchange),
        upstream_(upstream),
        request_(request),
        header_deadline_(wheel, [this] {
          header_timed_out_ = true;
          connection_->stream.cut();
        }) {}

  net::Awaitable<Outcome> run();

 private:
  enum class Attempt { answered, stale, failed };

  net::Awaitable<bool> send_request();
  net::Awaitable<bool> send_spliced(std::string_view first);
  net::Awaitable<Attempt> receive_head();
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
  net::Deadline header_deadline_;
  bool header_timed_out_ = false;
  std::unique_ptr<net::UpstreamConnection> connection_;
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
  });
  connection_ = upstream_.take_idle();
  Attempt result = Attempt::stale;
  while (result == Attempt::stale && !exchange_.client_gone()) {
    if (!connection_) {
      auto connected = co_await upstream_.connect();
      if (!connected) {
        error_ = connected.error().message;
        break;
      }
      connection_ = std::move(*connected);
    }
    begin_ = end_ = 0;
    if (connection_->in.empty()) connection_->in.resize(kSmallBuffer);
    // A server may answer and close before it has read the whole body: so a failed write is not the
    // end, the answer may be there.
    co_await send_request();
    if (exchange_.client_gone()) break;
    result = co_await receive_head();
    if (result == Attempt::stale) connection_ = nullptr;
  }
  Outcome outcome;
  if (exchange_.client_gone())
    outcome = client_gone();
  else if (header_timed_out_)
    outcome = {Outcome::header_timeout, "timed out waiting for the head of the answer"};
  else if (result != Attempt::answered)
    outcome = {Outcome::unreachable, error_};
  else if (received().status == 101)
    outcome = co_await switch_protocols();
  else
    outcome = co_await pass_on();
  exchange_.watch_client(nullptr);
  co_return outcome;
}

net::Awaitable<bool> Run::send_request() {
  std::string& head = connection_->out;
  make_request_head(exchange_, upstream_.base(), request_, head);
  if (request_.body == nullptr || request_.body->size() == 0)
    return connection_->stream.write(head);
  if (request_.splices.empty() && request_.body->in_memory())
    return connection_->stream.write(head, request_.body->memory());
  return send_spliced(head);
}

// The general form: a body from a file, or with splices.
net::Awaitable<bool> Run::send_spliced(std::string_view first) {
  bool good = co_await connection_->stream.write(first);
  if (!good) co_return false;
  std::vector<char> piece(
      static_cast<std::size_t>(std::min<std::uint64_t>(kFilePiece, request_.body->size())));
  std::uint64_t at = 0;
  auto splice = request_.splices.begin();
  while (at < request_.body->size() || splice != request_.splices.end()) {
    if (splice != request_.splices.end() && splice->offset == at) {
      good = co_await connection_->stream.write(splice->text);
      if (!good) co_return false;
      at += splice->length;
      ++splice;
      continue;
    }
    const std::uint64_t until =
        splice != request_.splices.end() ? splice->offset : request_.body->size();
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), until - at));
    const auto n = co_await request_.body->read(at, {piece.data(), want});
    if (!n || *n == 0) {
      error_ = n ? "the kept request body is short" : n.error().message;
      co_return false;
    }
    good = co_await connection_->stream.write({piece.data(), *n});
    if (!good) co_return false;
    at += *n;
  }
  co_return true;
}

// `stale`: a pooled connection turned out to be closed before the first byte of an answer, so
// nothing can have been processed twice by trying again.
net::Awaitable<Run::Attempt> Run::receive_head() {
  net::HeadProgress progress;
  const auto limit = upstream_.timeouts().response_header;
  if (limit.count() > 0) header_deadline_.set(util::Clock::now() + limit);
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
        if (received().status >= 200 || received().status == 101) {
          header_deadline_.clear();
          co_return Attempt::answered;
        }
        // 1xx: passed on, but for 100, which answers an Expect that is not forwarded.
        if (received().status != 100) {
          const auto informed = co_await exchange_.inform(client_head());
          if (!informed) co_return Attempt::failed;
        }
        continue;
      }
    }
    if (end_ == connection_->in.size()) connection_->in.resize(connection_->in.size() * kGrowth);
    const std::ptrdiff_t n = co_await connection_->stream.read(
        {connection_->in.data() + end_, connection_->in.size() - end_});
    if (n <= 0) {
      const bool unanswered = end_ == 0 && !header_timed_out_;
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
  net::ResponseHead head = client_head();
  const auto* const protocol = received().find("Upgrade");
  head.headers.push_back({"Connection", "Upgrade"});
  if (protocol != nullptr) head.headers.push_back({"Upgrade", *protocol});
  if (request_.on_head) request_.on_head(head);
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
  net::ChunkFollower chunks(net::ChunkFollower::Mode::lenient);
  std::uint64_t left = framing_.length_bytes;
  bool whole = framing_.kind == MessageFraming::none ||
               (framing_.kind == MessageFraming::length && left == 0);
  std::string decoded;  // only where the client cannot take the chunks as they are

  // Looks at the next `piece`, says what of it the client gets, and whether the body is complete
  // with it.
  auto look = [&](std::string_view piece) -> std::string_view {
    if (framing_.kind == MessageFraming::length) {
      piece = piece.substr(0, std::min<std::uint64_t>(piece.size(), left));
      left -= piece.size();
      whole = left == 0;
      begin_ += piece.size();
      return piece;
    }
    if (framing_.kind == MessageFraming::until_close) {
      begin_ += piece.size();
      return piece;
    }
    std::string_view rest = piece;
    decoded.clear();
    std::uint64_t payload = 0;
    for (auto data = chunks.next(rest); !data.empty(); data = chunks.next(rest)) {
      payload += data.size();
      if (framing.kind == BodyFraming::unknown) decoded.append(data);
    }
    const std::size_t used = piece.size() - rest.size();
    begin_ += used;
    whole = chunks.complete();
    if (framing.kind == BodyFraming::unknown) return decoded;
    exchange_.count_payload(payload);
    return piece.substr(0, used);
  };
  const auto unread = [&] {
    return std::string_view(connection_->in.data() + begin_, end_ - begin_);
  };

  const net::ResponseHead& head = client_head();
  // Said by the head, whose place the body takes.
  const bool may_reuse = received().version_minor >= 1 &&
                         framing_.kind != MessageFraming::until_close &&
                         !net::header_has_token(received().headers, "Connection", "close");
  if (request_.on_head) request_.on_head(head);
  std::string_view first = whole ? std::string_view{} : look(unread());
  const auto responded = co_await exchange_.respond(head, framing, first);
  if (!responded) co_return client_gone();

  while (!whole) {
    if (chunks.broken())
      co_return broke_off("the upstream's chunks are broken: " + std::string(chunks.error()));
    if (end_ == connection_->in.size() && connection_->in.size() < kLargeBuffer)
      connection_->in.resize(connection_->in.size() * kGrowth);
    begin_ = end_ = 0;
    const std::ptrdiff_t n = co_await connection_->stream.read(connection_->in);
    if (exchange_.client_gone()) co_return client_gone();
    if (n <= 0) {
      if (n == 0 && (framing_.kind == MessageFraming::until_close || chunks.payload_complete()))
        break;
      co_return broke_off("the upstream broke off in the middle of its answer");
    }
    end_ = static_cast<std::size_t>(n);
    const std::string_view piece = look(unread());
    if (!piece.empty()) {
      const bool taken = co_await to_client(piece);
      if (!taken) co_return client_gone();
    }
  }
  if (!whole && framing.kind == BodyFraming::chunked) {  // only the last line end is missing
    const bool taken = co_await to_client("\r\n");
    if (!taken) co_return client_gone();
  }
  if (framing.kind == BodyFraming::unknown) {
    const auto finished = co_await exchange_.finish();
    if (!finished) co_return client_gone();
  }
  if (whole && may_reuse && begin_ == end_) upstream_.give_back(std::move(connection_));
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
