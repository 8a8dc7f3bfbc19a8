// One TLS session (RFC 8446, RFC 5246) over a connected, non-blocking socket. Never waits and never
// closes the socket: net::Stream owns both. I/O thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;
struct x509_store_ctx_st;

namespace llama_swap::net {

class TlsSession {
 public:
  // What a session may keep back of a write, and the most that goes out in one record.
  static constexpr std::size_t kRecord = 16 << 10;

  // Takes over `ssl`, which knows its side (TlsServerContext and TlsClientContext make it so).
  // `host`: of a client, whom it means to talk to; then the server's certificate must be good.
  // Empty: of a server.
  TlsSession(ssl_st* ssl, int fd, std::string host);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Nothing is to be tried any more: the handshake fails, and `why` is the error.
  void refuse(std::string why);

  // Results are those of Stream: a number of bytes, kEof, kBlocked, kFailed. After kBlocked the
  // socket must become ready for what reading_wants() or writing_wants() says, then the same is to
  // be tried again.
  // Positive: done.
  std::ptrdiff_t handshake();
  // kEof is an orderly end (close_notify); a connection that just ends may have been cut by
  // somebody in between, and is kFailed. So is one on which there are many key updates and no data.
  std::ptrdiff_t read(std::span<char> buffer);
  // Whether read() would have something, without taking it. Positive: data.
  std::ptrdiff_t peek();
  // Small pieces go out together, in one record. What was blocked must come again, at least as
  // long.
  std::ptrdiff_t write(std::span<const std::string_view> pieces);
  // Says that nothing more will be written, if the socket takes it.
  void end();

  enum class Readiness { to_read, to_write };
  // What the last handshake, read or peek that was blocked waits for; and the last write.
  Readiness reading_wants() const { return reading_wants_; }
  Readiness writing_wants() const { return writing_wants_; }
  // Why the handshake failed, for people.
  const std::string& error() const { return error_; }
  // What ALPN agreed on (RFC 7301); empty: nothing.
  std::string_view protocol() const;

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  std::ptrdiff_t failure(int result, Readiness& wants);
  static int on_verified(int good, x509_store_ctx_st* verification);
  static void on_message(int sent, int version, int type, const void* data, std::size_t size,
                         ssl_st* ssl, void* self);

  // What OpenSSL reads from and writes to. A call that has used up its reads is blocked, however
  // much there is on the socket: others get their turn.
  struct Wire {
    int fd;
    unsigned reads_left;
  };
  friend struct WireMethod;

  Wire wire_;
  const std::unique_ptr<ssl_st, Free> ssl_;
  const std::string host_;
  std::string error_;
  Readiness reading_wants_ = Readiness::to_read;
  Readiness writing_wants_ = Readiness::to_write;
  unsigned idle_messages_ = 0;  // of the handshake protocol, since the last data
  bool shaken_ = false;
  bool broken_ = false;  // nothing may be tried any more
};

}  // namespace llama_swap::net
