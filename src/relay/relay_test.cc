#include "relay/relay.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>

#include "../tests/support/loop_thread.h"
#include "net/listener.h"
#include "relay/request_head.h"

namespace llama_swap::relay {
namespace {

using test::Acceptor;
using test::Socket;

// A server whose handler relays everything to one upstream, which the test plays by hand.
class Relay : public testing::Test {
 protected:
  void SetUp() override {
    loop_.on_loop([&] {
      connections_ = std::make_unique<net::ConnectionSet>(
          loop_.loop, loop_.wheel, [this](net::Exchange& exchange) { return handle(exchange); },
          net::ServerLimits{});
      listener_ = std::move(*net::Listener::open(loop_.loop, "127.0.0.1:0"));
      listener_->start(*connections_);
      port_ = listener_->port();
    });
    connect_upstream({});
  }
  void TearDown() override {
    loop_.on_loop([&] {
      listener_->close();
      connections_->cut_all();
      upstream_->close_all();
    });
    while (loop_.on_loop([&] { return connections_->size(); }) > 0) std::this_thread::yield();
    loop_.on_loop([&] { upstream_.reset(); });
  }
  void connect_upstream(net::UpstreamTimeouts timeouts) {
    loop_.on_loop([&] {
      auto base = net::parse_url(fmt::format("http://127.0.0.1:{}/base", acceptor_.port()));
      upstream_ = std::make_shared<net::Upstream>(loop_.loop, loop_.wheel, *base, timeouts);
    });
  }

  net::Awaitable<void> handle(net::Exchange& exchange) {
    net::Body body(memory_, worker_);
    while (exchange.has_body()) {
      const auto n =
          co_await exchange.read_body(body.prepare(exchange.content_length().value_or(0)));
      if (!n || *n == 0) break;
      co_await body.commit(*n);
    }
    Request request;
    request.target =
        net::join_target(upstream_->base(), exchange.request().path(), exchange.request().query());
    request.to_peer = to_peer_;
    request.api_key = api_key_;
    request.request_id = "made";
    request.trace_parent = trace_parent_;
    request.trace_state = trace_state_;
    request.splices = splices_;
    request.watcher = watcher_;
    if (exchange.has_body() || !splices_.empty()) request.body = &body;
    const Outcome outcome = co_await relay(exchange, *upstream_, loop_.wheel, request);
    if (!exchange.responded() && !exchange.client_gone()) {
      net::ResponseHead head;
      head.status = 502;
      co_await exchange.respond(head, {net::BodyFraming::length, outcome.error.size()},
                                outcome.error);
    }
    outcomes_.push_back(outcome.kind);
    if (auto done = std::exchange(done_, std::nullopt)) done->set_value(outcome);
  }
  std::future<Outcome> next_outcome() {
    return loop_.on_loop([&] { return done_.emplace().get_future(); });
  }
  // One request answered by `answer`; what the client got.
  std::string answered(
      std::string_view answer,
      std::string_view request_line = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
      std::string* seen = nullptr) {
    Socket client = Socket::connect(port_);
    client.send(request_line);
    Socket upstream = acceptor_.accept();
    const std::string head = upstream.read_until("\r\n\r\n");
    if (seen != nullptr) *seen = head;
    upstream.send(answer);
    upstream.close();
    return request_line.find("Connection: close") != std::string_view::npos
               ? client.read_all()
               : client.read_until("\r\n\r\n");
  }

  test::LoopThread loop_;
  Acceptor acceptor_;
  net::BodyMemory memory_{64 << 20};
  net::Worker worker_{loop_.loop};
  std::shared_ptr<net::Upstream> upstream_;
  std::unique_ptr<net::ConnectionSet> connections_;
  std::unique_ptr<net::Listener> listener_;
  std::uint16_t port_ = 0;
  bool to_peer_ = false;
  std::string api_key_;
  std::string trace_parent_, trace_state_;
  net::Splices splices_;
  net::PayloadSink* watcher_ = nullptr;
  std::vector<Outcome::Kind> outcomes_;
  std::optional<std::promise<Outcome>> done_;
};

TEST_F(Relay, AnswersTable) {
  const std::string v11 = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  const std::string v10 = "GET /x HTTP/1.0\r\nHost: h\r\n\r\n";
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: "
      "T\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n";
  const struct {
    const char* name;
    std::string request;
    std::string answer;
    std::string status;
    std::string body;
    std::vector<std::string> wants;
    std::vector<std::string> not_wants;
  } cases[] = {
      {"length",
       v11,
       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello",
       "HTTP/1.1 200 OK",
       "hello",
       {"Content-Length: 5\r\n", "A: b\r\n"},
       {}},
      {"chunked goes through as it is",
       v11,
       chunked,
       "HTTP/1.1 200 OK",
       "3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
       {"Transfer-Encoding: chunked"},
       {"Trailer"}},
      {"1.0 client gets it decoded", v10, chunked, "HTTP/1.0 200 OK", "abcde", {}, {"chunked"}},
      {"until close becomes chunks",
       v11,
       "HTTP/1.1 200 OK\r\n\r\nhello",
       "HTTP/1.1 200 OK",
       "5\r\nhello\r\n0\r\n\r\n",
       {},
       {}},
      {"bare status line and bare LF",
       v11,
       "HTTP/1.1 201\nContent-Length: 2\n\nok",
       "HTTP/1.1 201 Created",
       "ok",
       {},
       {}},
      {"reason kept",
       v11,
       "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 200 Fine",
       "",
       {},
       {}},
      {"hop by hop",
       v11,
       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Private, close\r\nX-Private: "
       "1\r\nKeep-Alive: 5\r\nX-Public: 2\r\n\r\n",
       "HTTP/1.1 200 OK",
       "",
       {"X-Public: 2"},
       {"X-Private: 1", "Keep-Alive"}},
      {"events are not to be buffered",
       v11,
       "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; x\r\nX-Accel-Buffering: "
       "yes\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 200 OK",
       "",
       {"X-Accel-Buffering: no"},
       {"yes"}},
      {"103 and 100",
       v11,
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: 1\r\n\r\nx",
       "HTTP/1.1 103 Early Hints",
       "",
       {"HTTP/1.1 200 OK"},
       {"100 Continue"}},
      {"head",
       "HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n",
       "HTTP/1.1 200 OK",
       "",
       {"Content-Length: 12"},
       {}},
      {"304",
       v11,
       "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
       "HTTP/1.1 304 Not Modified",
       "",
       {"ETag: x"},
       {"Content-Length"}},
      {"204",
       v11,
       "HTTP/1.1 204 No Content\r\n\r\n",
       "HTTP/1.1 204 No Content",
       "",
       {},
       {"Content-Length"}},
      {"not http", v11, "SSH-2.0-x\r\n\r\n", "HTTP/1.1 502 Bad Gateway", "", {"not HTTP"}, {}},
      {"nothing", v11, "", "HTTP/1.1 502 Bad Gateway", "", {"closed the connection"}, {}},
      {"two lengths",
       v11,
       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
       "HTTP/1.1 502 Bad Gateway",
       "",
       {},
       {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string got = answered(c.answer, c.request);
    EXPECT_EQ(got.substr(0, got.find("\r\n")), c.status);
    if (!c.body.empty()) {
      EXPECT_EQ(got.substr(got.find("\r\n\r\n") + 4), c.body);
    }
    for (const auto& want : c.wants)
      EXPECT_NE(got.find(want), std::string::npos) << want << "\nin\n" << got;
    for (const auto& not_want : c.not_wants)
      EXPECT_EQ(got.find(not_want), std::string::npos) << got;
  }
}

TEST_F(Relay, TruncationIsVisible) {
  std::string got = answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_EQ(got.find("0\r\n\r\n"), std::string::npos);
  EXPECT_NE(got.find("abc"), std::string::npos);
  got = answered("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_NE(got.find("Content-Length: 10"), std::string::npos);
  EXPECT_EQ(got.substr(got.size() - 4), "half");
  // All payload is there, only the last line end is missing: that is complete.
  got = answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n");
  EXPECT_EQ(got.substr(got.size() - 5), "0\r\n\r\n");
}

TEST_F(Relay, RequestHeadTable) {
  const struct {
    const char* name;
    bool to_peer;
    std::string key;
    std::string fields;
    std::vector<std::string> wants;
    std::vector<std::string> not_wants;
  } cases[] = {
      {"local",
       false,
       "",
       "Host: my.example:1\r\nX-Keep: 2\r\n",
       {"GET /base/x?q=1 HTTP/1.1\r\n", "Host: my.example:1\r\n", "X-Keep: 2\r\n",
        "X-Forwarded-For: 127.0.0.1\r\n"},
       {"User-Agent", "Connection", "Content-Length"}},
      {"forwarded for is extended",
       false,
       "",
       "Host: h\r\nX-Forwarded-For: 9.9.9.9\r\n",
       {"X-Forwarded-For: 9.9.9.9, 127.0.0.1\r\n"},
       {}},
      {"hop by hop",
       false,
       "",
       "Host: h\r\nConnection: X-Drop\r\nX-Drop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: "
       "gzip, trailers\r\nExpect: 100-continue\r\n",
       {"Te: trailers\r\n"},
       {"X-Drop", "Keep-Alive", "Proxy-Connection", "gzip", "Expect"}},
      {"keys pass",
       false,
       "",
       "Host: h\r\nAuthorization: Bearer k\r\nx-api-key: k\r\n",
       {"Authorization: Bearer k\r\n", "x-api-key: k\r\n"},
       {}},
      {"peer",
       true,
       "pk",
       "Host: my.example\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Host: h\r\nX-Forwarded-Proto: "
       "https\r\nForwarded: for=1\r\nAuthorization: Bearer mine\r\nX-API-Key: mine\r\n",
       {"Host: 127.0.0.1:", "Authorization: Bearer pk\r\n", "X-Api-Key: pk\r\n"},
       {"orwarded", "mine", "my.example"}},
      {"upgrade",
       false,
       "",
       "Host: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n",
       {"Connection: Upgrade\r\n", "Upgrade: websocket\r\n"},
       {}},
      {"of several protocols, only websocket",
       false,
       "",
       "Host: h\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\nUpgrade: x\r\n"
       "HTTP2-Settings: AAA\r\n",
       {"Connection: Upgrade\r\n", "Upgrade: websocket\r\n"},
       {"h2c", "HTTP2", "Upgrade: x"}},
      {"h2c upgrade is not passed on",
       false,
       "",
       "Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n",
       {},
       {"Upgrade", "HTTP2"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    to_peer_ = c.to_peer;
    api_key_ = c.key;
    std::string head;
    answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
             "GET /x?q=1 HTTP/1.1\r\n" + c.fields + "\r\n", &head);
    for (const auto& want : c.wants)
      EXPECT_NE(head.find(want), std::string::npos) << want << "\nin\n" << head;
    for (const auto& not_want : c.not_wants)
      EXPECT_EQ(head.find(not_want), std::string::npos) << not_want << "\nin\n" << head;
  }
}

TEST_F(Relay, NamesTheRequest) {
  const auto head_of = [this](const std::string& fields) {
    std::string head;
    answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
             "GET /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n", &head);
    return head;
  };
  EXPECT_NE(head_of("").find("\r\nX-Request-ID: made\r\n"), std::string::npos);
  const std::string own = head_of("x-request-id: own\r\n");
  EXPECT_NE(own.find("\r\nx-request-id: own\r\n"), std::string::npos);
  EXPECT_EQ(own.find("made"), std::string::npos);
}

TEST_F(Relay, TraceContextIsPassedOnOrReplaced) {
  const auto head_of = [this] {
    std::string head;
    answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
             "GET /x HTTP/1.1\r\nHost: h\r\nTraceparent: theirs\r\nTracestate: a=1\r\n"
             "tracestate: b=2\r\n\r\n",
             &head);
    return head;
  };
  EXPECT_NE(head_of().find("Traceparent: theirs\r\nTracestate: a=1\r\ntracestate: b=2\r\n"),
            std::string::npos);
  trace_parent_ = "ours";
  EXPECT_NE(head_of().find("traceparent: ours\r\n"), std::string::npos);
  EXPECT_EQ(head_of().find("theirs"), std::string::npos);
  EXPECT_EQ(head_of().find("racestate"), std::string::npos);
  trace_state_ = "a=1,b=2";
  EXPECT_NE(head_of().find("traceparent: ours\r\ntracestate: a=1,b=2\r\n"), std::string::npos);
}

TEST_F(Relay, BodyWithSplices) {
  splices_ = {{0, 1, "[["}, {3, 2, ""}, {5, 0, "!"}};
  Socket client = Socket::connect(port_);
  client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n012345");
  Socket upstream = acceptor_.accept();
  const std::string got = upstream.read_until("!5");
  EXPECT_NE(got.find("Content-Length: 6\r\n"), std::string::npos) << got;
  EXPECT_EQ(got.substr(got.find("\r\n\r\n") + 4), "[[12!5");
}

TEST_F(Relay, BodyOfNothingButSplices) {
  splices_ = {{0, 0, "{}"}};
  Socket client = Socket::connect(port_);
  client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  Socket upstream = acceptor_.accept();
  const std::string got = upstream.read_until("{}");
  EXPECT_NE(got.find("Content-Length: 2\r\n"), std::string::npos) << got;
}

TEST_F(Relay, PoolsAndRetriesStaleConnections) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  const std::string request = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nb";
  Socket client = Socket::connect(port_);
  client.send(request);
  Socket first = acceptor_.accept();
  first.read_until("\r\n\r\nb");
  first.send(ok);
  client.read_until("\r\n\r\nok");
  client.take();
  // Reused.
  first.take();
  client.send(request);
  first.read_until("\r\n\r\nb");
  first.send(ok);
  client.read_until("\r\n\r\nok");
  client.take();
  // Closed the moment it is used again: the request goes to a fresh one.
  first.take();
  client.send(request);
  first.read_until("\r\n\r\nb");
  first.close();
  Socket second = acceptor_.accept();
  second.read_until("\r\n\r\nb");
  second.send(ok);
  EXPECT_NE(client.read_until("\r\n\r\nok").find("200 OK"), std::string::npos);
  // A fresh one that closes without an answer is not tried again.
  client.take();
  second.close();
  loop_.on_loop([] {});
  client.send(request);
  Socket third = acceptor_.accept();
  third.read_until("\r\n\r\nb");
  third.close();
  EXPECT_NE(client.read_until("connection").find("502"), std::string::npos);
}

TEST_F(Relay, AWatcherSeesThePayload) {
  struct Watcher final : net::PayloadSink {
    void on_payload(std::string_view bytes) override { seen += bytes; }
    std::string seen;
  } watcher;
  loop_.on_loop([&] { watcher_ = &watcher; });
  const std::string v11 =
      "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAccept-Encoding: br, gzip;q=0.5\r\n\r\n";
  const std::string v10 = "GET /x HTTP/1.0\r\nHost: h\r\n\r\n";
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const auto& [request, answer] : std::vector<std::pair<std::string, std::string>>{
           {v11, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
           {v11, "HTTP/1.1 200 OK\r\n\r\nhello"},
           {v11, chunked + "3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\nT: 1\r\n\r\n"},
           {v11, chunked + "3 \nhel\r\n2\nlo\n0\n\n"},  // to be framed anew
           {v10, chunked + "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"}}) {
    SCOPED_TRACE(request + answer);
    watcher.seen.clear();
    std::string head;
    answered(answer, request, &head);
    EXPECT_EQ(loop_.on_loop([&] { return watcher.seen; }), "hello");
    if (request == v11) {
      EXPECT_NE(head.find("Accept-Encoding: gzip;q=0.5\r\n"), std::string::npos) << head;
    }
  }
  loop_.on_loop([&] { watcher_ = nullptr; });
}

TEST(ReadableCodings, Table) {
  EXPECT_EQ(readable_codings("gzip, deflate, br"), "gzip, deflate");
  EXPECT_EQ(readable_codings("br, zstd"), "");
  EXPECT_EQ(readable_codings("GZIP ;q=1,br;q=0.2,deflate;q=0"), "GZIP ;q=1, deflate;q=0");
  EXPECT_EQ(readable_codings(""), "");
  EXPECT_EQ(readable_codings("x-gzip,*"), "");
}

TEST_F(Relay, ClientLeavingClosesTheUpstream) {
  for (const bool answered_already : {false, true}) {
    SCOPED_TRACE(answered_already);
    auto outcome = next_outcome();
    Socket client = Socket::connect(port_);
    client.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    Socket upstream = acceptor_.accept();
    upstream.read_until("\r\n\r\n");
    if (answered_already) {
      upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
      client.read_until("a\r\n");
    }
    client.close();
    upstream.read_all();
    EXPECT_TRUE(upstream.ended());
    EXPECT_EQ(outcome.get().kind, Outcome::client_gone);
  }
}

TEST_F(Relay, CloseAllCutsRunningRequests) {
  auto outcome = next_outcome();
  Socket client = Socket::connect(port_);
  client.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  Socket upstream = acceptor_.accept();
  upstream.read_until("\r\n\r\n");
  upstream.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  client.read_until("a\r\n");
  loop_.on_loop([&] { upstream_->close_all(); });
  EXPECT_EQ(client.read_all().find("0\r\n\r\n"), std::string::npos);
  EXPECT_EQ(outcome.get().kind, Outcome::broke_off);
}

TEST_F(Relay, ResponseHeaderTimeout) {
  net::UpstreamTimeouts timeouts;
  timeouts.response_header = std::chrono::seconds(1);
  connect_upstream(timeouts);
  auto outcome = next_outcome();
  Socket client = Socket::connect(port_);
  client.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  Socket upstream = acceptor_.accept();
  EXPECT_EQ(outcome.get().kind, Outcome::header_timeout);
}

TEST_F(Relay, NoAnswerIsNotNoConnection) {
  const auto ask = [this] {
    auto outcome = next_outcome();
    Socket client = Socket::connect(port_);
    client.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    if (!upstream_->base().path.empty()) {
      Socket upstream = acceptor_.accept();
      upstream.read_until("\r\n\r\n");
      upstream.close();
    }
    return outcome.get();
  };
  const Outcome dropped = ask();
  EXPECT_EQ(dropped.kind, Outcome::unreachable);
  EXPECT_FALSE(dropped.no_connection);
  loop_.on_loop([&] {
    const auto nobody = net::parse_url("http://127.0.0.1:1");
    upstream_ =
        std::make_shared<net::Upstream>(loop_.loop, loop_.wheel, *nobody, net::UpstreamTimeouts{});
  });
  const Outcome refused = ask();
  EXPECT_EQ(refused.kind, Outcome::unreachable);
  EXPECT_TRUE(refused.no_connection);
}

TEST_F(Relay, Websocket) {
  Socket client = Socket::connect(port_);
  client.send(
      "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly");
  Socket upstream = acceptor_.accept();
  upstream.read_until("\r\n\r\n");
  upstream.send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\nSec-WebSocket-Accept: x\r\n\r\nhi");
  EXPECT_NE(upstream.read_until("early").find("early"), std::string::npos);
  const std::string got = client.read_until("\r\n\r\nhi");
  EXPECT_EQ(got.substr(0, 12), "HTTP/1.1 101");
  EXPECT_NE(got.find("Sec-WebSocket-Accept: x\r\n"), std::string::npos);
  client.send(std::string("\0\xff more", 7));
  EXPECT_NE(upstream.read_until(" more").find(" more"), std::string::npos);
  upstream.close();
  client.read_all();
  EXPECT_TRUE(client.ended());
}

TEST_F(Relay, SwitchesToNothingButWebsocket) {
  for (const std::string upgrade : {"", "Upgrade: h2c\r\n", "Upgrade: h2c, websocket\r\n",
                                    "Upgrade: websocket\r\nUpgrade: h2c\r\n"}) {
    SCOPED_TRACE(upgrade);
    auto outcome = next_outcome();
    const std::string got = answered(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n" + upgrade + "\r\nhi",
        "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n\r\n");
    EXPECT_EQ(got, "");
    EXPECT_EQ(outcome.get().kind, Outcome::broke_off);
  }
}

TEST_F(Relay, LargeBodiesBothWays) {
  const std::string big = std::string(40 << 20, 'b') + "END!";  // over what a body keeps in memory
  Socket client = Socket::connect(port_);
  client.send(
      fmt::format("POST /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                  big.size()));
  client.send(big);
  Socket upstream = acceptor_.accept();
  std::string got = upstream.read_until("END!");
  EXPECT_TRUE(got.substr(got.find("\r\n\r\n") + 4) == big);
  auto answer = std::async(std::launch::async, [&] {
    upstream.send(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", big.size()));
    upstream.send(big);
  });
  got = client.read_all();
  EXPECT_TRUE(got.substr(got.find("\r\n\r\n") + 4) == big);
  answer.get();
}

}  // namespace
}  // namespace llama_swap::relay
