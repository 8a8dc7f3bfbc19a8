// What becomes of connections.
#include "relay/relay_fixture.h"

namespace llama_swap::relay {
namespace {

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
