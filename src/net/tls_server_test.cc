// TLS as a server.
#include <fmt/format.h>

#include <future>

#include "net/http1_connection.h"
#include "net/tls_context.h"
#include "net/tls_fixture.h"
#include "net/wakeup.h"

namespace llama_swap::net {
namespace {

// Answers with the size of the body; "/big" with 4 MiB in odd pieces, "/close" without a length,
// "/wait" once the client has left.
Awaitable<void> serve(Exchange& exchange, std::promise<void>* left, Loop* loop) {
  std::uint64_t size = 0;
  std::vector<char> piece(10'000);
  for (;;) {
    const auto n = co_await exchange.read_body(piece);
    if (!n) co_return;
    if (*n == 0) break;
    size += *n;
  }
  ResponseHead head;
  const std::string_view path = exchange.request().path();
  if (path == "/big") {
    co_await exchange.respond(head, {BodyFraming::length, 4 << 20}, {});
    std::string text(33'333, 'x');
    for (std::size_t sent = 0; sent < (4 << 20); sent += text.size()) co_await exchange.write(text);
  } else if (path == "/wait") {
    Wakeup wakeup(*loop);
    const auto on_gone = [&] { wakeup.notify(); };
    exchange.watch_client(on_gone);
    co_await wakeup.wait();
    left->set_value();
  } else {
    const std::string text = fmt::format("{} bytes", size);
    co_await exchange.respond(head, {BodyFraming::unknown}, text);
    co_await exchange.finish();
  }
}

class TlsServer : public Tls {
 protected:
  void SetUp() override {
    files_ = certificates_.make("server", "DNS:localhost");
    loop_.on_loop([&] {
      context_ = std::move(
          *TlsServerContext::open(files_.certificate, files_.key, {"something", "http/1.1"}));
      ServerLimits limits;
      limits.tls_handshake_timeout = std::chrono::seconds(1);
      connections_ = std::make_unique<ConnectionSet>(
          loop_.loop, loop_.wheel,
          [this](Exchange& exchange) { return serve(exchange, &left_, &loop_.loop); }, limits,
          context_.get());
      listener_ = std::move(*Listener::open(loop_.loop, "127.0.0.1:0"));
      listener_->start(*connections_);
      port_ = listener_->port();
    });
  }
  void TearDown() override {
    loop_.on_loop([&] {
      listener_->close();
      connections_->cut_all();
    });
    while (loop_.on_loop([&] { return connections_->size(); }) > 0) std::this_thread::yield();
  }
  TlsSocket connect(const std::string& alpn = {}, SSL_SESSION* resume = nullptr) {
    return TlsSocket::client(Socket::connect(port_).release(), "localhost", alpn, resume);
  }

  test::LoopThread loop_;
  CertificateFiles files_;
  std::unique_ptr<TlsServerContext> context_;
  std::unique_ptr<ConnectionSet> connections_;
  std::unique_ptr<Listener> listener_;
  std::uint16_t port_ = 0;
  std::promise<void> left_;
};

TEST_F(TlsServer, AnswersAndKeepsAlive) {
  TlsSocket client = connect();
  ASSERT_TRUE(client.shaken());
  for (const int size : {0, 1, 100'000}) {
    client.send(fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", size));
    client.send(std::string(static_cast<std::size_t>(size), 'b'));
    EXPECT_NE(client.read_until("0\r\n\r\n").find(fmt::format("\r\n{} bytes\r\n", size)),
              std::string::npos);
    client.take();
  }
  client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(client.read_all().find("0 bytes"), std::string::npos);
  EXPECT_TRUE(client.ended_in_order());
}

TEST_F(TlsServer, HeadAndBodyShareARecord) {
  TlsSocket client = connect();
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  char buffer[4096];
  const int n = SSL_read(client.ssl(), buffer, sizeof buffer);
  EXPECT_TRUE(std::string_view(buffer, static_cast<std::size_t>(n)).ends_with("\r\n0 bytes\r\n"));
}

TEST_F(TlsServer, LargeAnswerToASlowReader) {
  TlsSocket client = connect();
  client.send("GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // so that it has to wait for us
  const std::string answer = client.read_all();
  const auto body = answer.find("\r\n\r\n") + 4;
  EXPECT_EQ(answer.size() - body, std::size_t{4} << 20);
  EXPECT_EQ(answer.find_first_not_of('x', body), std::string::npos);
  EXPECT_TRUE(client.ended_in_order());
}

TEST_F(TlsServer, AnswerThatOnlyTheEndDelimits) {
  TlsSocket client = connect();
  client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.read_all().ends_with("\r\n\r\n0 bytes"));
  EXPECT_TRUE(client.ended_in_order());
}

TEST_F(TlsServer, LeavingIsNoticed) {
  for (const bool in_order : {true, false}) {
    left_ = {};
    TlsSocket client = connect();
    client.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n");
    // The watch looks at the client for some time before it leaves, and sees TLS's own messages.
    const auto waits = left_.get_future();
    EXPECT_EQ(waits.wait_for(std::chrono::milliseconds(400)), std::future_status::timeout);
    if (in_order) {
      client.end();  // the connection itself stays
      EXPECT_EQ(waits.wait_for(std::chrono::seconds(5)), std::future_status::ready);
    }
    client.close();
    EXPECT_EQ(waits.wait_for(std::chrono::seconds(5)), std::future_status::ready);
  }
}

TEST_F(TlsServer, Alpn) {
  static const struct {
    std::string offer, want;
    bool shaken;
  } cases[] = {
      {"", "", true},
      {"\x08http/1.1", "http/1.1", true},
      {"\x08http/1.1\x09something", "something", true},  // we choose
      {"\x02h7", "", false},
  };
  for (const auto& c : cases) {
    TlsSocket client = connect(c.offer);
    EXPECT_EQ(client.shaken(), c.shaken) << c.offer;
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(client.ssl(), &name, &length);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(name), length), c.want);
  }
}

TEST_F(TlsServer, SessionsAreResumed) {
  TlsSocket first = connect();
  first.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  first.read_until("0 bytes");  // tickets come before it
  SSL_SESSION* const session = SSL_get1_session(first.ssl());
  TlsSocket second = connect({}, session);
  EXPECT_EQ(SSL_session_reused(second.ssl()), 1);
  SSL_SESSION_free(session);
}

TEST_F(TlsServer, PlainHttpIsTold) {
  Socket client = Socket::connect(port_);
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
  EXPECT_TRUE(
      answer.ends_with("\r\n400 Bad Request: Client sent an HTTP request to an HTTPS server.\n"))
      << answer;
}

TEST_F(TlsServer, SilenceIsCutOffAndOthersAreServed) {
  Socket silent = Socket::connect(port_);
  Socket halfway = Socket::connect(port_);
  halfway.send(std::string_view("\x16\x03\x01\x02", 4));
  Socket nonsense = Socket::connect(port_);
  nonsense.send(std::string_view("\x16\x03\x01\x00\x04hello", 10));
  TlsSocket client = connect();
  client.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.read_all().ends_with("0 bytes"));
  nonsense.read_all();
  EXPECT_TRUE(nonsense.ended());
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(halfway.read_all(), "");
  EXPECT_TRUE(silent.ended() && halfway.ended());
}

TEST_F(TlsServer, OldVersionsAreRefused) {
  const int fd = Socket::connect(port_).release();
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
  SSL* const ssl = SSL_new(context);
  SSL_set_fd(ssl, fd);
  EXPECT_NE(SSL_connect(ssl), 1);
  SSL_free(ssl);
  SSL_CTX_free(context);
  ::close(fd);
}

// Each costs us a few hashes, the client nothing (RFC 8446 4.6.3 lets it send them at any time).
void update_keys(TlsSocket& client, int times) {
  for (int i = 0; i < times; ++i) {
    SSL_key_update(client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
    if (SSL_do_handshake(client.ssl()) != 1) return;
  }
}

TEST_F(TlsServer, KeyUpdatesBetweenRequests) {
  TlsSocket client = connect();
  for (int i = 0; i < 4; ++i) {
    update_keys(client, 20);
    client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(client.read_until("\r\n0\r\n\r\n").ends_with("\r\n0\r\n\r\n"));
    client.take();
  }
}

TEST_F(TlsServer, KeyUpdateFloodEndsTheConnection) {
  TlsSocket client = connect();
  update_keys(client, 100);
  client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(client.read_all(), "");
}

}  // namespace
}  // namespace llama_swap::net
