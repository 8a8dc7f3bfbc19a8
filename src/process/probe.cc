#include "process/probe.h"

#include <algorithm>
#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <charconv>
#include <cstring>
#include <exception>
#include <utility>

namespace llama_swap::process {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Timer =
    asio::basic_waitable_timer<util::Clock, asio::wait_traits<util::Clock>, net::Executor>;
using std::chrono::milliseconds;

constexpr std::size_t kMaxStatusLine = 1024;
constexpr std::size_t kMaxBody = 64 << 10;
constexpr util::seconds kBodyTime{1};

// The question as a whole has a deadline.
constexpr net::UpstreamTimeouts kNoTimeouts{util::seconds(0), util::seconds(0), util::seconds(0),
                                            util::seconds(0), util::seconds(0)};

tcp::endpoint remote_endpoint(net::Stream& stream) {
  boost::system::error_code unconnected;
  const auto generic = stream.socket().remote_endpoint(unconnected);
  tcp::endpoint endpoint;
  if (unconnected || generic.size() > endpoint.capacity()) return endpoint;
  std::memcpy(endpoint.data(), generic.data(), generic.size());
  endpoint.resize(generic.size());
  return endpoint;
}

}  // namespace

std::string probe_request(const net::Upstream& upstream, std::string_view check_endpoint) {
  const net::Url& base = upstream.base();
  check_endpoint = check_endpoint.substr(0, check_endpoint.find('#'));
  const auto question = check_endpoint.find('?');
  const std::string_view path = check_endpoint.substr(0, question);
  const std::string_view query =
      question == std::string_view::npos ? "" : check_endpoint.substr(question + 1);
  // Nothing to join means the base path itself, without a slash added.
  net::Url host_only = base;
  host_only.path.clear();
  const std::string target = path.empty() ? net::join_target(host_only, base.path, query)
                                          : net::join_target(base, path, query);
  std::string request = "GET " + upstream.target_prefix() + target +
                        " HTTP/1.1\r\nHost: " + base.authority + "\r\nConnection: close\r\n";
  if (!upstream.proxy_authorization().empty())
    request += "Proxy-Authorization: " + upstream.proxy_authorization() + "\r\n";
  return request + "\r\n";
}

int parse_status(std::string_view line) {
  // HTTP/1.1 200 OK
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return 0;
  int status = 0;
  const auto [end, error] = std::from_chars(line.data() + 9, line.data() + 12, status);
  const bool complete =
      line.size() == 12 || line[12] == ' ' || line[12] == '\r' || line[12] == '\n';
  return error == std::errc{} && end == line.data() + 12 && complete ? status : 0;
}

Pace pace_after(Answer answer, milliseconds since_spawn) {
  constexpr milliseconds kMost{1000};
  if (answer == Answer::nobody) {
    // A refused connection costs microseconds and the server nothing.
    return {std::clamp(since_spawn / 100, milliseconds(2), kMost), milliseconds(1)};
  }
  // An answer costs the server something, often a line in its log, which must not trigger the next
  // question at once.
  const milliseconds next = std::clamp(since_spawn / 50, milliseconds(10), kMost);
  return {next, std::max(milliseconds(10), next / 4)};
}

// The connection of one question. Closing it ends whatever is awaited on it.
struct Probe::Attempt : std::enable_shared_from_this<Probe::Attempt> {
  explicit Attempt(net::Loop& loop) : timer(loop) {}

  void close_at(util::Time when) {
    timer.expires_at(when);
    timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->close();
    });
  }
  void close() {
    closed = true;
    if (connect_cancel) connect_cancel();
    if (connection) connection->stream.close();
    timer.cancel();
  }
  // The end of the answer, for the server's sake.
  static net::Awaitable<void> drain(std::shared_ptr<Attempt> self) {
    self->close_at(util::Clock::now() + kBodyTime);
    for (std::size_t total = 0; total < kMaxBody;) {
      const std::ptrdiff_t n = co_await self->connection->stream.read(self->buffer);
      if (n <= 0) break;
      total += static_cast<std::size_t>(n);
    }
    self->close();
  }

  Timer timer;
  net::Upstream::Cancel connect_cancel;
  std::unique_ptr<net::UpstreamConnection> connection;
  std::array<char, 4096> buffer;
  bool closed = false;
};

Probe::Probe(net::Loop& loop, net::TimerWheel& wheel, const net::Url& base,
             std::string_view check_endpoint, const std::string& ca_file)
    : loop_(loop),
      upstream_(std::make_shared<net::Upstream>(loop, wheel, base, kNoTimeouts, ca_file)),
      request_(probe_request(*upstream_, check_endpoint)) {}

void Probe::cancel() {
  if (const auto attempt = attempt_.lock()) attempt->close();
}

net::Awaitable<ProbeResult> Probe::ask(util::Time deadline) {
  const auto attempt = std::make_shared<Attempt>(loop_);
  attempt_ = attempt;
  attempt->close_at(deadline);
  ProbeResult result;
  auto connected = co_await upstream_->connect(attempt->connect_cancel);
  if (!connected) {
    const bool taken = connected.error().code == util::Errc::invalid;
    if (taken) result = {Answer::not_ready, 0, {}, connected.error().message};
    attempt->close();
    co_return result;
  }
  attempt->connection = std::move(*connected);
  net::Stream& stream = attempt->connection->stream;
  result.answer = Answer::not_ready;
  result.answered = remote_endpoint(stream);

  const bool sent = co_await stream.write(request_);
  std::string line;
  while (sent && !attempt->closed && line.size() < kMaxStatusLine &&
         line.find('\n') == std::string::npos) {
    const std::ptrdiff_t n = co_await stream.read(attempt->buffer);
    if (n <= 0) break;
    line.append(attempt->buffer.data(), static_cast<std::size_t>(n));
  }
  result.status = parse_status(line.substr(0, line.find('\n')));
  if (result.status == 200) result.answer = Answer::ok;
  if (attempt->closed) co_return result;
  net::spawn(loop_, Attempt::drain(attempt));
  co_return result;
}

}  // namespace llama_swap::process
