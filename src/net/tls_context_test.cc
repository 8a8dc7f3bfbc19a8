// Certificates and trust, before there is a connection.
#include "net/tls_context.h"

#include <gtest/gtest.h>

#include "net/stream.h"
#include "net/tls_fixture.h"
#include "net/trust.h"

namespace llama_swap::net {
namespace {

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

}  // namespace
}  // namespace llama_swap::net
