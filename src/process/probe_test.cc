#include "process/probe.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>

#include "../tests/support/loop_thread.h"
#include "../tests/support/tls.h"

namespace llama_swap::process {
namespace {

using std::chrono::milliseconds;

TEST(Probe, Status) {
  struct Case {
    const char* line;
    int want;
  };
  const Case cases[] = {
      {"HTTP/1.1 200 OK\r", 200}, {"HTTP/1.0 503 Service Unavailable", 503},
      {"HTTP/1.1 200", 200},      {"HTTP/1.1 200\r", 200},
      {"HTTP/1.1 2000 x", 0},     {"HTTP/1.1 20", 0},
      {"HTTP/2 200 OK", 0},       {"", 0},
      {"SSH-2.0-OpenSSH_9.2", 0}, {"HTTP/1.1 2x0 OK", 0},
  };
  for (const Case& c : cases) EXPECT_EQ(parse_status(c.line), c.want) << c.line;
}

TEST(Probe, Request) {
  net::Loop loop;
  net::TimerWheel wheel(loop);
  struct Case {
    const char *proxy, *endpoint, *want;
  };
  const Case cases[] = {
      {"http://localhost:5800", "/health", "GET /health HTTP/1.1\r\nHost: localhost:5800\r\n"},
      {"http://h:1/base/", "/health?x=1#f", "GET /base/health?x=1 HTTP/1.1\r\nHost: h:1\r\n"},
      {"http://h:1/base", "/", "GET /base/ HTTP/1.1\r\nHost: h:1\r\n"},
      {"http://h:1/base", "", "GET /base HTTP/1.1\r\nHost: h:1\r\n"},
      {"http://h", "", "GET / HTTP/1.1\r\nHost: h\r\n"},
  };
  for (const Case& c : cases) {
    const auto url = net::parse_url(c.proxy);
    ASSERT_TRUE(url);
    const net::Upstream upstream(loop, wheel, *url, {});
    EXPECT_EQ(probe_request(upstream, c.endpoint),
              std::string(c.want) + "Connection: close\r\n\r\n");
  }
}

TEST(Probe, Pace) {
  struct Case {
    Answer answer;
    int since_spawn, next, at_least;
  };
  const Case cases[] = {
      {Answer::nobody, 0, 2, 1},
      {Answer::nobody, 2'000, 20, 1},
      {Answer::nobody, 500'000, 1000, 1},
      {Answer::not_ready, 0, 10, 10},
      {Answer::not_ready, 10'000, 200, 50},
      {Answer::not_ready, 90'000, 1000, 250},
  };
  for (const Case& c : cases) {
    const Pace pace = pace_after(c.answer, milliseconds(c.since_spawn));
    EXPECT_EQ(pace.next, milliseconds(c.next)) << c.since_spawn;
    EXPECT_EQ(pace.at_least, milliseconds(c.at_least)) << c.since_spawn;
  }
}

net::Awaitable<void> ask_once(Probe& probe, std::promise<ProbeResult>& told) {
  const auto result = co_await probe.ask(util::Clock::now() + std::chrono::seconds(5));
  told.set_value(result);
}

TEST(Probe, Https) {
  const test::Certificates certificates;
  const test::CertificateFiles files = certificates.make("model", "IP:127.0.0.1");
  test::Acceptor acceptor;
  test::LoopThread loop;
  const auto url = net::parse_url(fmt::format("https://127.0.0.1:{}", acceptor.port()));
  for (const bool trusted : {true, false}) {
    std::optional<Probe> probe;
    std::promise<ProbeResult> told;
    loop.on_loop([&] {
      probe.emplace(loop.loop, loop.wheel, *url, "/health", trusted ? files.certificate : "");
      net::spawn(loop.loop, ask_once(*probe, told));
    });
    auto server = test::TlsSocket::server(acceptor.accept().release(), files);
    if (server.shaken()) {
      EXPECT_TRUE(server.read_until("\r\n\r\n").starts_with("GET /health HTTP/1.1\r\n"));
      server.send("HTTP/1.1 200 OK\r\n\r\n");
    }
    const ProbeResult result = told.get_future().get();
    EXPECT_EQ(result.answer, trusted ? Answer::ok : Answer::not_ready);
    EXPECT_EQ(result.error.find("the certificate is from an unknown issuer") == std::string::npos,
              trusted)
        << result.error;
    EXPECT_EQ(result.answered.port(), trusted ? acceptor.port() : 0);
    server.close();
    loop.on_loop([&] { probe.reset(); });
  }
}

}  // namespace
}  // namespace llama_swap::process
