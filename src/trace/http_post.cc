#include "trace/http_post.h"

#include <charconv>
#include <utility>

#include "net/http1_head.h"
#include "util/text.h"

namespace llama_swap::trace {
namespace {

constexpr std::size_t kPiece = 4096;
constexpr std::uint64_t kMaxAnswer = 64 << 10;  // of a body that is worth reading to the end

std::optional<std::chrono::seconds> seconds_in(const std::string_view* field) {
  if (!field) return std::nullopt;
  int number = 0;
  const char* const end = field->data() + field->size();
  const auto [parsed, error] = std::from_chars(field->data(), end, number);
  if (error != std::errc{} || parsed != end || number < 0) return std::nullopt;
  return std::chrono::seconds(number);
}

std::string request_head(const net::Upstream& upstream, std::string_view fields) {
  const net::Url& base = upstream.base();
  net::Url host_only = base;
  host_only.path.clear();
  host_only.query.clear();
  std::string head = "POST " + upstream.target_prefix() +
                     net::join_target(host_only, base.path, base.query) +
                     " HTTP/1.1\r\nHost: " + base.authority + "\r\n";
  if (!upstream.proxy_authorization().empty())
    head += "Proxy-Authorization: " + upstream.proxy_authorization() + "\r\n";
  return head.append(fields);
}

}  // namespace

HttpPost::HttpPost(net::TimerWheel& wheel, std::shared_ptr<net::Upstream> upstream,
                   std::string_view head)
    : wheel_(wheel), upstream_(std::move(upstream)), head_(request_head(*upstream_, head)) {}

void HttpPost::cancel() {
  cancelled_ = true;
  end();
}

void HttpPost::end() {
  if (connection_) connection_->stream.cut();
  if (cancel_connect_) cancel_connect_();
}

net::Awaitable<util::Result<HttpPost::Answer>> HttpPost::send(std::string_view body,
                                                              util::Time deadline) {
  timed_out_ = false;
  net::Deadline limit(wheel_, [this] {
    timed_out_ = true;
    end();
  });
  limit.set(deadline);
  connection_ = upstream_->take_idle();
  const bool pooled = connection_ != nullptr;
  util::Result<Answer> answer = co_await attempt(body);
  const bool stale = !answer && pooled && !timed_out_ && !cancelled_;
  if (stale) {
    connection_.reset();
    answer = co_await attempt(body);
  }
  connection_.reset();
  if (!answer && cancelled_) co_return util::fail(util::Errc::cancelled, "given up");
  if (!answer && timed_out_) co_return util::fail(util::Errc::timed_out, "timed out");
  co_return answer;
}

net::Awaitable<util::Result<HttpPost::Answer>> HttpPost::attempt(std::string_view body) {
  if (cancelled_) co_return util::fail(util::Errc::cancelled, "given up");
  if (!connection_) {
    auto connected = co_await upstream_->connect(cancel_connect_);
    if (!connected) co_return tl::unexpected(connected.error());
    connection_ = std::move(*connected);
  }
  net::UpstreamConnection& connection = *connection_;
  connection.out = head_ + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  // One that answers before it has read everything may close: what it says counts.
  const bool sent = co_await connection.stream.write(connection.out, body);
  if (connection.in.size() < kPiece) connection.in.resize(kPiece);
  net::HeadProgress progress;
  std::size_t begin = 0, end = 0;
  for (;;) {
    if (end == connection.in.size()) connection.in.resize(end * 2);
    const std::ptrdiff_t n =
        co_await connection.stream.read({connection.in.data() + end, connection.in.size() - end});
    if (n <= 0) co_return util::fail(util::Errc::closed, "the connection ended without an answer");
    end += static_cast<std::size_t>(n);
    const net::HeadResult result = net::parse_response({connection.in.data() + begin, end - begin},
                                                       connection.received, progress);
    if (result.kind == net::HeadResult::need_more) continue;
    if (result.kind == net::HeadResult::error)
      co_return util::fail(util::Errc::invalid, "the answer is not HTTP");
    begin += result.consumed;
    break;
  }
  Answer answer;
  answer.status = connection.received.status;
  answer.retry_after = seconds_in(connection.received.find("Retry-After"));
  if (sent) co_await finish_answer(begin, end);
  co_return answer;
}

// Keeps the connection where the rest of the answer is short.
net::Awaitable<void> HttpPost::finish_answer(std::size_t begin, std::size_t end) {
  net::UpstreamConnection& connection = *connection_;
  const net::MessageFraming framing = net::response_framing(connection.received, "POST");
  const bool closes = connection.received.version_minor == 0 || connection.received.status < 200 ||
                      net::header_has_token(connection.received.headers, "Connection", "close");
  const bool bounded =
      framing.kind == net::MessageFraming::none ||
      (framing.kind == net::MessageFraming::length && framing.length_bytes <= kMaxAnswer);
  if (closes || !bounded || end - begin > framing.length_bytes) co_return;
  for (std::uint64_t left = framing.length_bytes - (end - begin); left > 0;) {
    const std::ptrdiff_t n = co_await connection.stream.read(connection.in);
    if (n <= 0 || static_cast<std::uint64_t>(n) > left) co_return;
    left -= static_cast<std::uint64_t>(n);
  }
  if (!connection.stream.was_cut()) upstream_->give_back(std::move(connection_));
}

}  // namespace llama_swap::trace
