#include "../tests/support/tls.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <signal.h>

#include <fstream>
#include <future>

#include "../tests/support/loop_thread.h"
#include "net/http1_connection.h"
#include "net/tls_context.h"
#include "net/trust.h"
#include "net/upstream.h"
#include "net/wakeup.h"

namespace llama_swap::net {
namespace {

using test::Acceptor;
using test::CertificateFiles;
using test::Socket;
using test::TlsSocket;

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}
std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}
// By a new file in its place: time stamps may be too coarse for a test.
void replace_file(const std::string& path, const std::string& text) {
  write_file(path + ".new", text);
  ASSERT_EQ(::rename((path + ".new").c_str(), path.c_str()), 0);
}

class Tls : public testing::Test {
 protected:
  // OpenSSL's own sockets, on the test's side, raise it.
  static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }

  test::Certificates certificates_;
};

// ---- contexts

TEST_F(Tls, NamesInTheCertificate) {
  static const struct {
    const char* names;
    std::vector<std::string> want;
  } cases[] = {
      {"", {"cn"}},
      {"DNS:a.example,DNS:*.b.example", {"a.example", "*.b.example"}},
      {"IP:127.0.0.1,DNS:c,IP:::1", {"127.0.0.1", "c", "::1"}},
  };
  for (const auto& c : cases) {
    const auto files = certificates_.make("cn", c.names);
    const auto context = TlsServerContext::open(files.certificate, files.key, {"http/1.1"});
    ASSERT_TRUE(context) << context.error().message;
    EXPECT_EQ((*context)->names(), c.want);
  }
}

TEST_F(Tls, UnusableFilesTable) {
  const CertificateFiles a = certificates_.make("a", "DNS:a");
  const CertificateFiles b = certificates_.make("b", "DNS:b");
  const std::string text = certificates_.path("text");
  write_file(text, "hello\n");
  const std::string locked = certificates_.path("locked");
  {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    std::FILE* const out = std::fopen(locked.c_str(), "w");
    PEM_write_PKCS8PrivateKey(out, key, EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr);
    std::fclose(out);
    EVP_PKEY_free(key);
  }
  const struct {
    std::string certificate, key, want;
  } cases[] = {
      {certificates_.path("none"), a.key,
       "certificate " + certificates_.path("none") + ": No such file or directory"},
      {a.certificate, certificates_.path("none"),
       "key " + certificates_.path("none") + ": No such file or directory"},
      {text, a.key, "certificate " + text + ": no start line"},
      {a.certificate, text, "key " + text + ":"},
      {a.certificate, b.key, "key " + b.key + ": it belongs to another certificate"},
      {a.certificate, locked, "key " + locked + ": it has a passphrase; one without is needed"},
  };
  for (const auto& c : cases) {
    const auto context = TlsServerContext::open(c.certificate, c.key, {"http/1.1"});
    ASSERT_FALSE(context) << c.want;
    EXPECT_EQ(context.error().message.substr(0, c.want.size()), c.want);
  }
}

TEST_F(Tls, BrokenPairKeepsTheOldOne) {
  const CertificateFiles a = certificates_.make("a", "DNS:a");
  const CertificateFiles b = certificates_.make("b", "DNS:b");
  const auto context = TlsServerContext::open(a.certificate, a.key, {"http/1.1"});
  ASSERT_TRUE(context);
  write_file(a.certificate, read_file(b.certificate));
  EXPECT_FALSE((*context)->reload());
  EXPECT_EQ((*context)->names(), std::vector<std::string>{"a"});
  write_file(a.key, read_file(b.key));
  EXPECT_TRUE((*context)->reload());
  EXPECT_EQ((*context)->names(), std::vector<std::string>{"b"});
}

TEST_F(Tls, TrustFollowsItsFile) {
  const std::string file = certificates_.path("trusted.pem");
  const std::string a = read_file(certificates_.make("a", "DNS:a").certificate);
  const std::string b = read_file(certificates_.make("b", "DNS:b").certificate);
  Trust trust(file);
  EXPECT_FALSE(trust.context()) << "there is no such file";
  replace_file(file, a);
  const auto first = trust.context();
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(*trust.context(), *first) << "nothing has changed";
  replace_file(file, "half a certificate");
  EXPECT_EQ(*trust.context(), *first) << "what was read last counts";
  replace_file(file, b);
  const auto second = trust.context();
  EXPECT_NE(*second, *first);
  EXPECT_EQ(*trust.context(), *second);
}

// OpenSSL would check no name at all, or take any below.
TEST_F(Tls, HostsThatCannotBeCheckedFailTable) {
  const auto context = *TlsClientContext::make("");
  for (const std::string& host :
       {std::string(), std::string("."), std::string(".."), std::string(".example"),
        std::string("a.example\0.b", 12), std::string(300, 'a')}) {
    const auto session = context->session(-1, host);
    EXPECT_EQ(session->handshake(), Stream::kFailed) << host;
    EXPECT_NE(session->error().find("\" is no name that a certificate could be checked against"),
              std::string::npos)
        << host << ": " << session->error();
  }
  for (const char* host : {"a.example", "a.example.", "::1", "fe80::1%lo", "127.0.0.1"}) {
    const auto session = context->session(-1, host);
    EXPECT_EQ(session->handshake(), Stream::kFailed) << "there is no socket";
    EXPECT_EQ(session->error().find("is no name"), std::string::npos) << host;
  }
}

// ---- as a server

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

// ---- a session under a stream that has been read before, as behind a forward proxy

Awaitable<void> read_plain_then_tls(Stream stream, std::shared_ptr<const TlsClientContext> context,
                                    std::promise<std::string>* answer) {
  std::array<char, 100> buffer;
  std::string seen;
  std::ptrdiff_t n = co_await stream.read(buffer);  // all there is: the next plain one would wait
  auto session = context->session(stream.fd(), "localhost");
  const auto shaken = co_await stream.start_tls(std::move(session));
  if (!shaken) seen = shaken.error().message;
  while (shaken && n > 0 && !seen.ends_with('.')) {
    n = co_await stream.read(buffer);
    if (n > 0) seen.append(buffer.data(), static_cast<std::size_t>(n));
  }
  answer->set_value(seen);
}

TEST_F(Tls, RecordsInOneSegmentAfterPlainText) {
  const CertificateFiles files = certificates_.make("localhost", "DNS:localhost");
  test::LoopThread loop;
  Acceptor acceptor;
  Socket client = Socket::connect(acceptor.port());
  Socket plain = acceptor.accept();
  plain.send("go");
  std::promise<std::string> answer;
  loop.on_loop([&] {
    Stream stream(loop.loop);
    stream.assign(AF_INET, client.release());
    spawn(loop.loop, read_plain_then_tls(std::move(stream),
                                         *TlsClientContext::make(files.certificate), &answer));
  });
  const int fd = plain.release();
  TlsSocket server = TlsSocket::server(fd, files);
  ASSERT_TRUE(server.shaken());
  int cork = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_CORK, &cork, sizeof cork);
  server.send("head, ");
  server.send("body.");
  cork = 0;
  ::setsockopt(fd, IPPROTO_TCP, TCP_CORK, &cork, sizeof cork);
  auto got = answer.get_future();
  const bool in_time = got.wait_for(std::chrono::seconds(5)) == std::future_status::ready;
  EXPECT_TRUE(in_time) << "the second record lies in OpenSSL's buffer";
  server.close();
  EXPECT_EQ(got.get(), "head, body.");
}

// ---- as a client

class TlsClient : public Tls {
 protected:
  // Connects to the test's acceptor as `host`; the error, or "".
  std::future<std::string> connect(const std::string& host, const std::string& ca_file) {
    auto url = parse_url(fmt::format("https://{}:{}", host, acceptor_.port()));
    auto answer = std::make_shared<std::promise<std::string>>();
    loop_.on_loop([&] {
      UpstreamTimeouts timeouts;
      timeouts.tls_handshake = std::chrono::seconds(1);
      upstream_ = std::make_shared<Upstream>(loop_.loop, loop_.wheel, *url, timeouts, ca_file);
      spawn(loop_.loop, ask(upstream_, answer));
    });
    return answer->get_future();
  }
  // One request, one answer to the end.
  static Awaitable<void> ask(std::shared_ptr<Upstream> upstream,
                             std::shared_ptr<std::promise<std::string>> answer) {
    Upstream::Cancel cancel;
    auto connection = co_await upstream->connect(cancel);
    if (!connection) {
      answer->set_value(connection.error().message);
      co_return;
    }
    Stream& stream = (*connection)->stream;
    const bool sent = co_await stream.write("hello ", "world", "!");
    std::string seen;
    std::array<char, 100> buffer;
    std::ptrdiff_t n = 1;
    while (sent && n > 0) {
      n = co_await stream.read(buffer);
      if (n > 0) seen.append(buffer.data(), static_cast<std::size_t>(n));
    }
    answer->set_value(seen + (n == Stream::kEof ? "" : " broken"));
  }
  void TearDown() override {
    loop_.on_loop([&] { upstream_.reset(); });
  }

  test::LoopThread loop_;
  Acceptor acceptor_;
  std::shared_ptr<Upstream> upstream_;
};

TEST_F(TlsClient, VerificationTable) {
  const CertificateFiles good = certificates_.make("good", "IP:127.0.0.1,DNS:localhost");
  const CertificateFiles named = certificates_.make("named", "DNS:a.example,DNS:b.example");
  const CertificateFiles common = certificates_.make("localhost", "");
  const CertificateFiles expired = certificates_.make("expired", "IP:127.0.0.1", -1);
  const struct {
    const CertificateFiles& server;
    std::string ca_file;
    const char *host, *want;
  } cases[] = {
      {good, good.certificate, "127.0.0.1", "bye"},
      {good, good.certificate, "localhost", "bye"},
      {good, "", "127.0.0.1",
       "the certificate is from an unknown issuer (self-signed certificate)"},
      {named, good.certificate, "localhost", "the certificate is from an unknown issuer"},
      {named, named.certificate, "localhost",
       "the certificate is not for localhost but for a.example, b.example"},
      {named, named.certificate, "127.0.0.1", "the certificate is not for 127.0.0.1"},
      {common, common.certificate, "localhost",
       "the certificate is not for localhost: it has no subjectAltName"},
      {expired, expired.certificate, "127.0.0.1",
       "the certificate has expired (it was good until "},
      {good, certificates_.path("none"), "127.0.0.1", "No such file or directory"},
      {good, good.key, "127.0.0.1", "no certificate or crl found"},
  };
  for (const auto& c : cases) {
    auto answer = connect(c.host, c.ca_file);
    TlsSocket server = TlsSocket::server(acceptor_.accept().release(), c.server);
    if (server.shaken()) {
      server.read_until("hello world!");
      server.send("bye");
      server.end();
    }
    server.close();
    const std::string got = answer.get();
    EXPECT_NE(got.find(c.want), std::string::npos) << got << "\n want: " << c.want;
  }
}

TEST_F(TlsClient, NewConnectionsTrustTheFileAsItIsNow) {
  const CertificateFiles good = certificates_.make("good", "IP:127.0.0.1");
  const CertificateFiles other = certificates_.make("other", "IP:127.0.0.1");
  auto answer = connect("127.0.0.1", other.certificate);
  EXPECT_FALSE(TlsSocket::server(acceptor_.accept().release(), good).shaken());
  EXPECT_NE(answer.get().find("unknown issuer"), std::string::npos);

  replace_file(other.certificate, read_file(good.certificate));
  const auto again = std::make_shared<std::promise<std::string>>();
  loop_.on_loop([&] { spawn(loop_.loop, ask(upstream_, again)); });
  TlsSocket server = TlsSocket::server(acceptor_.accept().release(), good);
  EXPECT_TRUE(server.shaken());
  server.read_until("hello world!");
  server.send("bye");
  server.end();
  server.close();
  EXPECT_EQ(again->get_future().get(), "bye");
}

TEST_F(TlsClient, AnEndThatNobodySignedIsNone) {
  const CertificateFiles good = certificates_.make("good", "IP:127.0.0.1");
  auto answer = connect("127.0.0.1", good.certificate);
  TlsSocket server = TlsSocket::server(acceptor_.accept().release(), good);
  server.read_until("hello world!");
  server.send("bye");
  server.close();
  EXPECT_EQ(answer.get(), "bye broken");
}

TEST_F(TlsClient, ServersThatDoNotShakeHands) {
  auto answer = connect("127.0.0.1", "");
  {
    Socket server = acceptor_.accept();
    EXPECT_EQ(answer.get(),
              fmt::format("TLS handshake with 127.0.0.1:{}: timed out", acceptor_.port()));
  }
  answer = connect("127.0.0.1", "");
  {
    Socket server = acceptor_.accept();
    server.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    EXPECT_TRUE(answer.get().ends_with(": the other side does not speak TLS"));
  }
  answer = connect("127.0.0.1", "");
  acceptor_.accept().close();
  EXPECT_TRUE(answer.get().ends_with(": the connection ended in the middle of it"));
}

Awaitable<void> connect_and_keep(std::shared_ptr<Upstream> upstream, std::promise<void>* kept) {
  Upstream::Cancel cancel;
  auto connection = co_await upstream->connect(cancel);
  if (connection) upstream->give_back(std::move(*connection));
  kept->set_value();
}

// The tickets that a server sends are nothing to read.
TEST_F(TlsClient, QuietConnectionsAreKept) {
  const CertificateFiles good = certificates_.make("good", "IP:127.0.0.1");
  auto url = parse_url(fmt::format("https://127.0.0.1:{}", acceptor_.port()));
  std::promise<void> kept;
  loop_.on_loop([&] {
    upstream_ = std::make_shared<Upstream>(loop_.loop, loop_.wheel, *url, UpstreamTimeouts{},
                                           good.certificate);
    spawn(loop_.loop, connect_and_keep(upstream_, &kept));
  });
  TlsSocket server = TlsSocket::server(acceptor_.accept().release(), good);
  ASSERT_TRUE(server.shaken());
  kept.get_future().wait();
  // Whether one is there; it goes back.
  const auto take = [&] {
    auto connection = upstream_->take_idle();
    const bool there = connection != nullptr;
    if (there) upstream_->give_back(std::move(connection));
    return there;
  };
  EXPECT_TRUE(loop_.on_loop(take));
  server.end();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (loop_.on_loop(take) && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_FALSE(loop_.on_loop(take));
}

}  // namespace
}  // namespace llama_swap::net
