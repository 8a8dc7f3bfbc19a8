// TLS as a client, and under a stream that has been read before.
#include <fmt/format.h>
#include <netinet/tcp.h>

#include <future>

#include "net/tls_context.h"
#include "net/tls_fixture.h"
#include "net/upstream.h"

namespace llama_swap::net {
namespace {

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

}  // namespace
}  // namespace llama_swap::net
