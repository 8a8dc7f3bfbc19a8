// What TLS sessions are made from: our certificate and key as a server, whom we trust as a client.
// TLS 1.2 and 1.3 (docs/decisions/009-tls.md). I/O thread only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/tls_session.h"
#include "util/result.h"

struct ssl_ctx_st;

namespace llama_swap::net {

struct FreeTlsContext {
  void operator()(ssl_ctx_st* context) const;
};
using TlsContextPtr = std::unique_ptr<ssl_ctx_st, FreeTlsContext>;

class TlsServerContext {
 public:
  // Both files are PEM, the first with the whole chain. `protocols` for ALPN, the preferred one
  // first. Errors: io (a file cannot be read), invalid (it holds something else, the key belongs to
  // another certificate or has a passphrase).
  static util::Result<std::unique_ptr<TlsServerContext>> open(std::string certificate_file,
                                                              std::string key_file,
                                                              std::vector<std::string> protocols);
  TlsServerContext(const TlsServerContext&) = delete;
  TlsServerContext& operator=(const TlsServerContext&) = delete;

  // Reads the files again. After an error (those of open) everything is as before. Sessions that
  // have begun keep what they began with.
  util::Result<void> reload();
  // Of one accepted connection. The context must outlive its handshake.
  std::unique_ptr<TlsSession> session(int fd) const;
  // Host names and addresses that the certificate is for.
  const std::vector<std::string>& names() const { return names_; }

 private:
  TlsServerContext(std::string certificate_file, std::string key_file)
      : certificate_file_(std::move(certificate_file)), key_file_(std::move(key_file)) {}

  const std::string certificate_file_, key_file_;
  std::string protocols_;  // as on the wire: each with its length in front
  TlsContextPtr context_;
  std::vector<std::string> names_;
};

class TlsClientContext {
 public:
  // Trusts what the system trusts, and the certificates in `ca_file` (PEM; empty: none). Errors: io
  // (the file cannot be read), invalid (it holds no certificate).
  static util::Result<std::shared_ptr<const TlsClientContext>> make(const std::string& ca_file);
  explicit TlsClientContext(TlsContextPtr context) : context_(std::move(context)) {}

  // Of one connection to `host`, a name or an IP address, for which the server's certificate must
  // be. Where that cannot be checked (an empty label, a name too long), the handshake fails.
  std::unique_ptr<TlsSession> session(int fd, const std::string& host) const;

 private:
  const TlsContextPtr context_;
};

}  // namespace llama_swap::net
