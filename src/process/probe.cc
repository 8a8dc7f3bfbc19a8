#include "process/probe.h"

#include <algorithm>
#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <exception>
#include <utility>
#include <vector>

#include "util/text.h"

namespace llama_swap::process {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Socket = asio::basic_stream_socket<tcp, net::Executor>;
using Resolver = asio::ip::basic_resolver<tcp, net::Executor>;
using Timer =
    asio::basic_waitable_timer<util::Clock, asio::wait_traits<util::Clock>, net::Executor>;
using std::chrono::milliseconds;

constexpr std::size_t kMaxStatusLine = 1024;
constexpr std::size_t kMaxBody = 64 << 10;
constexpr util::seconds kBodyTime{1};

}  // namespace

std::string probe_request(const net::Url& base, std::string_view check_endpoint) {
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
  return "GET " + target + " HTTP/1.1\r\nHost: " + base.authority + "\r\nConnection: close\r\n\r\n";
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

// The connection of one question. Closing the socket ends whatever is awaited on it.
struct Probe::Attempt : std::enable_shared_from_this<Probe::Attempt> {
  explicit Attempt(net::Loop& loop) : socket(loop), timer(loop), resolver(loop) {}

  void close_at(util::Time when) {
    timer.expires_at(when);
    timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->close();
    });
  }
  void close() {
    closed = true;
    boost::system::error_code ignored;
    socket.close(ignored);
    resolver.cancel();
    timer.cancel();
  }
  // The end of the answer, for the server's sake.
  static net::Awaitable<void> drain(std::shared_ptr<Attempt> self) {
    self->close_at(util::Clock::now() + kBodyTime);
    for (std::size_t total = 0; total < kMaxBody;) {
      const auto [error, size] =
          co_await self->socket.async_read_some(asio::buffer(self->buffer), net::use_awaitable);
      if (error) break;
      total += size;
    }
    self->close();
  }

  Socket socket;
  Timer timer;
  Resolver resolver;
  std::array<char, 4096> buffer;
  bool closed = false;
};

Probe::Probe(net::Loop& loop, net::Url base, std::string_view check_endpoint)
    : loop_(loop), base_(std::move(base)), request_(probe_request(base_, check_endpoint)) {}

void Probe::cancel() {
  if (const auto attempt = attempt_.lock()) attempt->close();
}

net::Awaitable<ProbeResult> Probe::ask(util::Time deadline) {
  const auto attempt = std::make_shared<Attempt>(loop_);
  attempt_ = attempt;
  attempt->close_at(deadline);
  ProbeResult result;

  std::vector<tcp::endpoint> endpoints;
  if (util::iequals(base_.host, "localhost")) {
    endpoints = {{asio::ip::address_v4::loopback(), base_.port},
                 {asio::ip::address_v6::loopback(), base_.port}};
  } else if (boost::system::error_code bad; true) {
    const auto address = asio::ip::make_address(base_.host, bad);
    if (!bad) endpoints = {{address, base_.port}};
  }
  if (endpoints.empty()) {
    const std::string port = std::to_string(base_.port);
    const auto [error, found] =
        co_await attempt->resolver.async_resolve(base_.host, port, net::use_awaitable);
    if (!error) {
      for (const auto& entry : found) endpoints.push_back(entry.endpoint());
    }
  }

  for (const tcp::endpoint& endpoint : endpoints) {
    if (attempt->closed) break;
    boost::system::error_code ignored;
    attempt->socket.close(ignored);
    const auto [error] = co_await attempt->socket.async_connect(endpoint, net::use_awaitable);
    if (error) continue;
    result.answered = endpoint;
    result.answer = Answer::not_ready;
    break;
  }
  if (result.answer == Answer::nobody) {
    attempt->close();
    co_return result;
  }

  const auto [write_error, written] =
      co_await asio::async_write(attempt->socket, asio::buffer(request_), net::use_awaitable);
  std::string line;
  while (!write_error && !attempt->closed && line.size() < kMaxStatusLine &&
         line.find('\n') == std::string::npos) {
    const auto [error, size] =
        co_await attempt->socket.async_read_some(asio::buffer(attempt->buffer), net::use_awaitable);
    if (error) break;
    line.append(attempt->buffer.data(), size);
  }
  result.status = parse_status(line.substr(0, line.find('\n')));
  if (result.status == 200) result.answer = Answer::ok;
  if (attempt->closed) co_return result;
  net::spawn(loop_, Attempt::drain(attempt));
  co_return result;
}

}  // namespace llama_swap::process
