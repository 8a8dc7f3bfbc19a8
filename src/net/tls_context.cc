#include "net/tls_context.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <new>

#include "net/tls_error.h"

namespace llama_swap::net {
namespace {

// Of TLS 1.2; those of 1.3 are all good. Forward secrecy and authenticated encryption only (RFC
// 9325 4.2).
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

TlsContextPtr new_context(const SSL_METHOD* method) {
  TlsContextPtr context(SSL_CTX_new(method));
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), kCiphers);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Whoever waits for the socket repeats a write from where its data is by then; quiet connections
  // hold no buffers.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context.get(), 1);  // a record in one system call, not two
  ERR_clear_error();
  return context;
}

util::Result<void> check_readable(std::string_view what, const std::string& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return util::fail_errno(errno, std::string(what) + " " + file);
  ::close(fd);
  return {};
}

util::Result<void> load_certificate(SSL_CTX* context, const std::string& file) {
  if (auto readable = check_readable("certificate", file); !readable) return readable;
  if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) == 1) return {};
  return util::fail(util::Errc::invalid,
                    "certificate " + file + ": " + openssl_reason("not a PEM certificate"));
}

util::Result<void> load_key(SSL_CTX* context, const std::string& file) {
  if (auto readable = check_readable("key", file); !readable) return readable;
  const auto invalid = [&file](const std::string& why) {
    return util::fail(util::Errc::invalid, "key " + file + ": " + why);
  };
  // Without this, OpenSSL would ask for a passphrase on the terminal.
  bool locked = false;
  SSL_CTX_set_default_passwd_cb_userdata(context, &locked);
  SSL_CTX_set_default_passwd_cb(context, [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  });
  ERR_clear_error();
  const bool loaded = SSL_CTX_use_PrivateKey_file(context, file.c_str(), SSL_FILETYPE_PEM) == 1;
  if (loaded && SSL_CTX_check_private_key(context) == 1) return {};
  const int library = ERR_GET_LIB(ERR_peek_error());
  const std::string words = openssl_reason("not a PEM key");
  if (locked) return invalid("it has a passphrase; one without is needed");
  if (loaded || library == ERR_LIB_X509) return invalid("it belongs to another certificate");
  return invalid(words);
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* in, unsigned int in_length, void* ours) {
  const auto& list = *static_cast<const std::string*>(ours);
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_length,
                                          reinterpret_cast<const unsigned char*>(list.data()),
                                          static_cast<unsigned int>(list.size()), in, in_length);
  *out = chosen;
  // RFC 7301 3.2: nothing in common ends it.
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::string on_wire(const std::vector<std::string>& protocols) {
  std::string out;
  for (const std::string& protocol : protocols) {
    out += static_cast<char>(protocol.size());
    out += protocol;
  }
  return out;
}

SSL* new_ssl(SSL_CTX* context) {
  SSL* const ssl = SSL_new(context);
  if (ssl == nullptr) throw std::bad_alloc();
  return ssl;
}

bool expect_address(SSL* ssl, const boost::asio::ip::address& address) {
  const auto set = [ssl](const auto& bytes) {
    return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), bytes.data(), bytes.size()) == 1;
  };
  // Without the zone of a link-local one, which means something on this machine only.
  return address.is_v4() ? set(address.to_v4().to_bytes()) : set(address.to_v6().to_bytes());
}

// Makes the handshake fail unless the certificate is for `host`. False: that cannot be asked for,
// and nothing would be checked. OpenSSL takes the empty name for "any", and one that begins with a
// dot for "any below it".
bool expect_host(SSL* ssl, const std::string& host) {
  boost::system::error_code not_literal;
  const auto address = boost::asio::ip::make_address(host, not_literal);
  if (!not_literal) return expect_address(ssl, address);
  const std::string name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
  if (name.empty() || name.starts_with('.') || name.find('\0') != std::string::npos) return false;
  // A common name is no host name (RFC 9525 2).
  SSL_set_hostflags(ssl,
                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  return SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 && SSL_set1_host(ssl, name.c_str()) == 1;
}

}  // namespace

void FreeTlsContext::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

util::Result<std::unique_ptr<TlsServerContext>> TlsServerContext::open(
    std::string certificate_file, std::string key_file, std::vector<std::string> protocols) {
  std::unique_ptr<TlsServerContext> made(
      new TlsServerContext(std::move(certificate_file), std::move(key_file)));
  made->protocols_ = on_wire(protocols);
  if (auto loaded = made->reload(); !loaded) return tl::unexpected(loaded.error());
  return made;
}

util::Result<void> TlsServerContext::reload() {
  TlsContextPtr context = new_context(TLS_server_method());
  if (auto loaded = load_certificate(context.get(), certificate_file_); !loaded) return loaded;
  if (auto loaded = load_key(context.get(), key_file_); !loaded) return loaded;
  // Sessions are resumed by tickets, so there is nothing to be kept here.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, &protocols_);
  names_ = certificate_names(SSL_CTX_get0_certificate(context.get()));
  context_ = std::move(context);
  return {};
}

std::unique_ptr<TlsSession> TlsServerContext::session(int fd) const {
  SSL* const ssl = new_ssl(context_.get());
  SSL_set_accept_state(ssl);
  return std::make_unique<TlsSession>(ssl, fd, "");
}

util::Result<std::shared_ptr<const TlsClientContext>> TlsClientContext::make(
    const std::string& ca_file) {
  TlsContextPtr context = new_context(TLS_client_method());
  SSL_CTX_set_default_verify_paths(context.get());
  if (!ca_file.empty()) {
    if (auto readable = check_readable("caFile", ca_file); !readable)
      return tl::unexpected(readable.error());
    ERR_clear_error();
    if (SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1)
      return util::fail(util::Errc::invalid,
                        "caFile " + ca_file + ": " + openssl_reason("no PEM certificate in it"));
  }
  // Whatever is in caFile is trusted by itself, also a server's own or an intermediate certificate.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context.get()), X509_V_FLAG_PARTIAL_CHAIN);
  const std::string protocols = on_wire({"http/1.1"});
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned int>(protocols.size()));
  return std::make_shared<const TlsClientContext>(std::move(context));
}

std::unique_ptr<TlsSession> TlsClientContext::session(int fd, const std::string& host) const {
  SSL* const ssl = new_ssl(context_.get());
  SSL_set_connect_state(ssl);
  auto session = std::make_unique<TlsSession>(ssl, fd, host);
  if (!expect_host(ssl, host))
    session->refuse("\"" + host + "\" is no name that a certificate could be checked against");
  return session;
}

}  // namespace llama_swap::net
