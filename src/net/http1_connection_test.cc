#include "net/http1_connection.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>

#include "../tests/support/loop_thread.h"

namespace llama_swap::net {
namespace {

using test::Socket;

// Answers with what it saw: "<method> <target> <body size>:<body>", framed as the path asks.
Awaitable<void> echo(Exchange& exchange) {
  std::string body;
  std::array<char, 1000> piece;
  for (;;) {
    const auto n = co_await exchange.read_body(piece);
    if (!n) {
      ResponseHead head;
      head.status = n.error().code == util::Errc::too_large ? 413 : 400;
      co_await exchange.respond(head, {BodyFraming::none}, {});
      co_return;
    }
    if (*n == 0) break;
    body.append(piece.data(), *n);
  }
  const std::string text = fmt::format("{} {} {}:{}", exchange.request().method,
                                       exchange.request().target, body.size(), body.substr(0, 20));
  ResponseHead head;
  head.headers.push_back({"X-Test", "yes"});
  const std::string_view path = exchange.request().path();
  if (path.starts_with("/named")) exchange.set_request_id("id-1");
  if (path == "/named/before") head.headers.push_back({"x-request-id", "theirs"});
  if (path == "/pieces") {
    co_await exchange.respond(head, {BodyFraming::unknown}, "one ");
    co_await exchange.write("two");
    co_await exchange.finish();
  } else if (path == "/short") {
    co_await exchange.respond(head, {BodyFraming::length, 10}, "half");
  } else if (path == "/silent") {
    co_return;
  } else if (path == "/nocontent") {
    head.status = 204;
    co_await exchange.respond(head, {BodyFraming::none}, {});
  } else if (path == "/inform") {
    ResponseHead early;
    early.status = 103;
    early.headers.push_back({"Link", "</x>"});
    co_await exchange.inform(early);
    co_await exchange.respond(head, {BodyFraming::none}, {});
  } else {
    co_await exchange.respond(head, {BodyFraming::length, text.size()}, text);
  }
}

class HttpServer : public testing::Test {
 protected:
  void start(Handler handler, ServerLimits limits = {}) {
    loop_.on_loop([&] {
      connections_ =
          std::make_unique<ConnectionSet>(loop_.loop, loop_.wheel, std::move(handler), limits);
      auto listener = Listener::open(loop_.loop, "127.0.0.1:0");
      ASSERT_TRUE(listener) << listener.error().message;
      listener_ = std::move(*listener);
      listener_->start(*connections_);
      port_ = listener_->port();
    });
  }
  Socket connect() { return Socket::connect(port_); }
  // Sends `request`, ends our direction never, reads to the end of the connection.
  std::string all(std::string_view request) {
    Socket s = connect();
    s.send(request);
    return s.read_all();
  }

  void TearDown() override {
    loop_.on_loop([&] {
      if (listener_) listener_->close();
      if (connections_) connections_->cut_all();
    });
    // The coroutines end on the loop before the set they belong to goes.
    while (connections_ && loop_.on_loop([&] { return connections_->size(); }) > 0)
      std::this_thread::yield();
  }

  test::LoopThread loop_;
  std::unique_ptr<ConnectionSet> connections_;
  std::unique_ptr<Listener> listener_;
  std::uint16_t port_ = 0;
};

constexpr std::string_view kClose = "Connection: close\r\n";

TEST_F(HttpServer, AnswersTable) {
  start(echo);
  const struct {
    const char* name;
    std::string request;
    std::vector<std::string> wants;
    std::vector<std::string> not_wants;
  } cases[] = {
      {"get",
       "GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"HTTP/1.1 200 OK\r\n", "X-Test: yes\r\n", "Content-Length: 11\r\n", "Connection: close\r\n",
        "Date: ", "\r\n\r\nGET /a?b 0:"},
       {}},
      {"content-length body",
       "POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
       {"POST /p 3:abc"},
       {}},
      {"chunked body",
       "POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
       "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n",
       {"POST /p 5:abcde"},
       {}},
      {"own chunks",
       "GET /pieces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"Transfer-Encoding: chunked\r\n", "\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"},
       {"Content-Length"}},
      {"1.0 gets no chunks",
       "GET /pieces HTTP/1.0\r\n\r\n",
       {"HTTP/1.0 200 OK", "\r\n\r\none two"},
       {"chunked", "Content-Length"}},
      {"named",
       "GET /named HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"\r\nX-Request-ID: id-1\r\n"},
       {}},
      {"named before",
       "GET /named/before HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"x-request-id: theirs\r\n"},
       {"id-1"}},
      {"the next one is not",
       "GET /named/before HTTP/1.1\r\nHost: x\r\n\r\n"
       "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"GET /a 0:"},
       {"id-1"}},
      {"1.0 closes", "GET /a HTTP/1.0\r\n\r\n", {"Connection: close", "GET /a 0:"}, {}},
      {"head",
       "HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"Content-Length: 10\r\n"},
       {"HEAD /a"}},
      {"204",
       "GET /nocontent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"HTTP/1.1 204 No Content"},
       {"Content-Length", "chunked"}},
      {"1xx",
       "GET /inform HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK"},
       {}},
      {"no 1xx for 1.0", "GET /inform HTTP/1.0\r\n\r\n", {"HTTP/1.0 200 OK"}, {"103"}},
      {"expect",
       "POST /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: "
       "100-continue\r\nContent-Length: 1\r\n\r\nz",
       {"POST /p 1:z"},
       {"100 Continue"}},  // the body is there already: no need to ask for it
      {"a handler that says nothing",
       "GET /silent HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"HTTP/1.1 500 "},
       {}},
      {"pipelined",
       "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: "
       "2\r\n\r\nhiGET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"GET /1 0:HTTP/1.1 200", "POST /2 2:hiHTTP/1.1 200", "GET /3 0:"},
       {}},
      {"pipelined behind chunks",
       "POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET /2 "
       "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
       {"POST /1 1:a", "GET /2 0:"},
       {}},
      {"broken chunks",
       "POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
       {"HTTP/1.1 400 ", "Connection: close"},
       {}},
      {"both lengths",
       "POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       {"HTTP/1.1 400 ", "Connection: close"},
       {}},
      {"no host", "GET / HTTP/1.1\r\n\r\n", {"HTTP/1.1 400 "}, {}},
      {"bare lf", "GET / HTTP/1.1\nHost: x\n\n", {"HTTP/1.1 400 "}, {}},
      {"garbage", "\x16\x03\x01 hello\r\n\r\n", {"HTTP/1.1 400 "}, {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string got = all(c.request);
    for (const auto& want : c.wants)
      EXPECT_NE(got.find(want), std::string::npos) << want << "\nin\n" << got;
    for (const auto& not_want : c.not_wants)
      EXPECT_EQ(got.find(not_want), std::string::npos) << got;
  }
}

TEST_F(HttpServer, KeepsAlive) {
  start(echo);
  Socket s = connect();
  for (int i = 0; i < 3; ++i) {
    s.send("GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_NE(s.read_until("GET /again 0:").find("200 OK"), std::string::npos);
    EXPECT_EQ(s.take().find("Connection:"), std::string::npos);
  }
}

TEST_F(HttpServer, AsksForAnExpectedBody) {
  start(echo);
  Socket s = connect();
  s.send("POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(s.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  s.send("ok");
  EXPECT_NE(s.read_until("2:ok").find("POST /p 2:ok"), std::string::npos);
}

TEST_F(HttpServer, HeadInAnyPieces) {
  start(echo);
  const std::string request =
      "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (std::size_t cut = 1; cut < request.size(); cut += 7) {
    Socket s = connect();
    s.send(request.substr(0, cut));
    loop_.on_loop([] {});
    s.send(request.substr(cut));
    EXPECT_NE(s.read_until("3:abc").find("POST /p 3:abc"), std::string::npos) << cut;
  }
}

TEST_F(HttpServer, HeadOverTheLimit) {
  start(echo);
  const std::string got = all("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(100'000, 'a'));
  EXPECT_EQ(got.substr(0, 13), "HTTP/1.1 431 ");
}

TEST_F(HttpServer, SlowHeadIsCut) {
  ServerLimits limits;
  limits.head_timeout = std::chrono::seconds(1);
  start(echo, limits);
  Socket s = connect();
  s.send("GET / HT");
  EXPECT_EQ(s.read_all(), "");
  EXPECT_TRUE(s.ended());
}

TEST_F(HttpServer, BodyOverTheLimit) {
  ServerLimits limits;
  limits.max_body = 10;
  start(echo, limits);
  EXPECT_EQ(all("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n").substr(0, 13),
            "HTTP/1.1 413 ");
  EXPECT_EQ(all("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
                "chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n")
                .substr(0, 13),
            "HTTP/1.1 413 ");
}

TEST_F(HttpServer, TooShortAnAnswerIsCut) {
  start(echo);
  const std::string got = all("GET /short HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(got.find("Content-Length: 10"), std::string::npos);
  EXPECT_EQ(got.substr(got.size() - 4), "half");
}

TEST_F(HttpServer, LargeBodyInAndOut) {
  start([](Exchange& exchange) -> Awaitable<void> {
    std::uint64_t size = 0;
    std::vector<char> piece(100'000);
    for (;;) {
      const auto n = co_await exchange.read_body(piece);
      if (!n || *n == 0) break;
      size += *n;
    }
    const std::string out(size, 'y');
    const std::string_view view = out;
    ResponseHead head;
    if (!co_await exchange.respond(head, {BodyFraming::length, size}, view.substr(0, 10)))
      co_return;
    std::string_view rest = view.substr(10);
    const auto n = exchange.try_write(rest);
    if (n < 0) co_return;
    rest.remove_prefix(static_cast<std::size_t>(n));
    co_await exchange.write(rest);
  });
  const std::size_t size = 20'000'000;
  Socket s = connect();
  auto sender = std::async(std::launch::async, [&] {
    s.send(fmt::format("POST / HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\n\r\n", kClose, size));
    s.send(std::string(size, 'x'));
  });
  sender.get();
  const std::string got = s.read_all();
  EXPECT_EQ(got.size() - got.find("\r\n\r\n") - 4, size);
}

TEST_F(HttpServer, NoticesThatTheClientLeft) {
  std::promise<void> gone;
  start([&](Exchange& exchange) -> Awaitable<void> {
    boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>, Executor>
        never(loop_.loop);
    never.expires_at(util::Time::max());
    auto on_gone = [&] { never.cancel(); };
    exchange.watch_client(on_gone);
    co_await never.async_wait(use_awaitable);
    EXPECT_TRUE(exchange.client_gone());
    gone.set_value();
  });
  Socket s = connect();
  s.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /next");  // also with a pipelined byte waiting
  loop_.on_loop([] {});
  s.close();
  EXPECT_EQ(gone.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

TEST_F(HttpServer, DrainClosesIdleConnections) {
  start(echo);
  Socket idle = connect();
  idle.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  idle.read_until("GET / 0:");
  std::promise<void> empty;
  loop_.on_loop([&] {
    connections_->drain();
    connections_->on_empty([&] { empty.set_value(); });
  });
  idle.read_all();
  EXPECT_TRUE(idle.ended());
  EXPECT_EQ(empty.get_future().wait_for(std::chrono::seconds(10)), std::future_status::ready);
}

}  // namespace
}  // namespace llama_swap::net
