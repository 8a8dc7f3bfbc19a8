// For tests of TLS: certificates made on the spot, and a blocking TLS socket on the test's side.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace llama_swap::test {

struct CertificateFiles {
  std::string certificate, key;
};

// A directory of its own with self-signed certificates.
class Certificates {
 public:
  Certificates() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tls-test-XXXXXX").string();
    home_ = ::mkdtemp(pattern.data());
  }
  ~Certificates() { std::filesystem::remove_all(home_); }
  Certificates(const Certificates&) = delete;

  // `names`: a subjectAltName as OpenSSL spells it ("DNS:a.example,IP:127.0.0.1"); empty: none.
  // Good for `days`; negative: until then.
  CertificateFiles make(const std::string& name, const std::string& names, int days = 1) const {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial_);
    const long day = 24 * 3600;
    X509_gmtime_adj(X509_getm_notBefore(certificate), -10 * day);
    X509_gmtime_adj(X509_getm_notAfter(certificate), days * day);
    X509_set_pubkey(certificate, key);
    X509_NAME* const subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    if (!names.empty()) {
      X509_EXTENSION* const extension =
          X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
      X509_add_ext(certificate, extension, -1);
      X509_EXTENSION_free(extension);
    }
    X509_sign(certificate, key, EVP_sha256());
    const CertificateFiles files{path(name + ".pem"), path(name + ".key")};
    std::FILE* out = std::fopen(files.certificate.c_str(), "w");
    PEM_write_X509(out, certificate);
    std::fclose(out);
    out = std::fopen(files.key.c_str(), "w");
    PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return files;
  }
  std::string path(const std::string& name) const { return (home_ / name).string(); }

 private:
  std::filesystem::path home_;
  mutable int serial_ = 0;
};

// Blocking, over a connected descriptor that it takes over. Reading gives up after ten seconds.
class TlsSocket {
 public:
  static TlsSocket client(int fd, const char* host = "localhost", const std::string& alpn = {},
                          SSL_SESSION* resume = nullptr) {
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    TlsSocket made(fd, context);
    SSL_set_tlsext_host_name(made.ssl_, host);
    if (!alpn.empty())
      SSL_set_alpn_protos(made.ssl_, reinterpret_cast<const unsigned char*>(alpn.data()),
                          static_cast<unsigned>(alpn.size()));
    if (resume != nullptr) SSL_set_session(made.ssl_, resume);
    made.shaken_ = SSL_connect(made.ssl_) == 1;
    return made;
  }
  static TlsSocket server(int fd, const CertificateFiles& files) {
    SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str());
    SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM);
    TlsSocket made(fd, context);
    made.shaken_ = SSL_accept(made.ssl_) == 1;
    return made;
  }
  TlsSocket(TlsSocket&& other) noexcept
      : ssl_(std::exchange(other.ssl_, nullptr)),
        fd_(std::exchange(other.fd_, -1)),
        shaken_(other.shaken_) {}
  ~TlsSocket() { close(); }

  bool shaken() const { return shaken_; }
  SSL* ssl() { return ssl_; }
  void send(std::string_view data) {
    while (!data.empty()) {
      const int n = SSL_write(ssl_, data.data(), static_cast<int>(data.size()));
      if (n <= 0) return;
      data.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  std::string read_until(std::string_view needle) {
    while (seen_.find(needle) == std::string::npos && read_some()) {
    }
    return seen_;
  }
  std::string read_all() {
    while (read_some()) {
    }
    return seen_;
  }
  std::string take() { return std::exchange(seen_, {}); }
  bool ended_in_order() const { return ended_in_order_; }  // with close_notify
  // close_notify, and then the end of the connection; or the end alone.
  void end() { SSL_shutdown(ssl_); }
  void close() {
    if (ssl_ != nullptr) SSL_free(std::exchange(ssl_, nullptr));
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  TlsSocket(int fd, SSL_CTX* context) : ssl_(SSL_new(context)), fd_(fd) {
    SSL_CTX_free(context);
    SSL_set_fd(ssl_, fd);
  }
  bool read_some() {
    pollfd p{fd_, POLLIN, 0};
    if (SSL_pending(ssl_) == 0 && ::poll(&p, 1, 10000) <= 0) return false;
    char buffer[32768];
    const int n = SSL_read(ssl_, buffer, sizeof buffer);
    if (n <= 0) {
      ended_in_order_ = SSL_get_error(ssl_, n) == SSL_ERROR_ZERO_RETURN;
      ERR_clear_error();
      return false;
    }
    seen_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }

  SSL* ssl_;
  int fd_;
  bool shaken_ = false;
  std::string seen_;
  bool ended_in_order_ = false;
};

}  // namespace llama_swap::test
