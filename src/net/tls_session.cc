#include "net/tls_session.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "net/stream.h"
#include "net/tls_error.h"

namespace llama_swap::net {
namespace {

// Of one call. A record seldom takes more than two; messages that are not data may come before it.
constexpr unsigned kReads = 4;
// Clients update their keys once in many gigabytes.
constexpr unsigned kMaxIdleMessages = 32;

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

// Where a write stands in its pieces.
class Cursor {
 public:
  explicit Cursor(std::span<const std::string_view> pieces) : pieces_(pieces) { skip_empty(); }

  bool at_end() const { return pieces_.empty(); }
  // What one record takes: in place if the piece fills it or is the last one, else put together in
  // `room`.
  std::string_view next(std::span<char, TlsSession::kRecord> room) const {
    const std::string_view first = pieces_.front().substr(offset_, room.size());
    if (first.size() == room.size() || pieces_.size() == 1) return first;
    std::size_t size = 0;
    std::size_t from = offset_;
    for (const std::string_view piece : pieces_) {
      size += piece.copy(room.data() + size, room.size() - size, from);
      from = 0;
    }
    return {room.data(), size};
  }
  void advance(std::size_t size) {
    while (size > 0) {
      const std::size_t here = std::min(size, pieces_.front().size() - offset_);
      offset_ += here;
      size -= here;
      skip_empty();
    }
  }

 private:
  void skip_empty() {
    while (!pieces_.empty() && offset_ == pieces_.front().size()) {
      pieces_ = pieces_.subspan(1);
      offset_ = 0;
    }
  }
  std::span<const std::string_view> pieces_;
  std::size_t offset_ = 0;  // in the first
};

}  // namespace

// OpenSSL's own socket BIO writes with write(), which raises SIGPIPE, and reads without end.
struct WireMethod {
  static TlsSession::Wire& wire(BIO* bio) {
    return *static_cast<TlsSession::Wire*>(BIO_get_data(bio));
  }

  static int write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    ssize_t n;
    do {
      n = ::send(wire(bio).fd, data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && would_block()) BIO_set_retry_write(bio);
    return static_cast<int>(n);
  }

  static int read(BIO* bio, char* data, int size) {
    BIO_clear_retry_flags(bio);
    if (wire(bio).reads_left == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    --wire(bio).reads_left;
    ssize_t n;
    do {
      n = ::recv(wire(bio).fd, data, static_cast<std::size_t>(size), 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && would_block()) BIO_set_retry_read(bio);
    return static_cast<int>(n);
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* get() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
      BIO_meth_set_write(made, write);
      BIO_meth_set_read(made, read);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return method;
  }
};

void TlsSession::Free::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

TlsSession::TlsSession(ssl_st* ssl, int fd, std::string host)
    : wire_{fd, kReads}, ssl_(ssl), host_(std::move(host)) {
  BIO* const bio = BIO_new(WireMethod::get());
  BIO_set_data(bio, &wire_);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_msg_callback(ssl, on_message);
  SSL_set_msg_callback_arg(ssl, this);
  if (host_.empty()) return;
  SSL_set_app_data(ssl, this);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verified);
}

// Called for each certificate of the chain. Only here is a bad one at hand.
int TlsSession::on_verified(int good, x509_store_ctx_st* verification) {
  if (good == 1) return 1;
  const auto* const ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& self = *static_cast<TlsSession*>(SSL_get_app_data(ssl));
  self.error_ = certificate_error(X509_STORE_CTX_get_error(verification),
                                  X509_STORE_CTX_get_current_cert(verification), self.host_);
  return 0;
}

// Each message of TLS itself. A flood of them must not keep OpenSSL, which looks for data, from
// returning: it fails as it asks the socket for more.
void TlsSession::on_message(int sent, int, int type, const void* data, std::size_t size, ssl_st*,
                            void* self) {
  auto& session = *static_cast<TlsSession*>(self);
  if (sent != 0 || type != SSL3_RT_HANDSHAKE || size == 0 || !session.shaken_) return;
  if (*static_cast<const unsigned char*>(data) == SSL3_MT_NEWSESSION_TICKET) return;
  if (++session.idle_messages_ > kMaxIdleMessages) session.wire_.fd = -1;
}

TlsSession::~TlsSession() = default;

void TlsSession::refuse(std::string why) {
  broken_ = true;
  error_ = std::move(why);
}

std::ptrdiff_t TlsSession::failure(int result, Readiness& wants) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      wants = Readiness::to_read;
      return Stream::kBlocked;
    case SSL_ERROR_WANT_WRITE:
      wants = Readiness::to_write;
      return Stream::kBlocked;
    case SSL_ERROR_ZERO_RETURN:
      return Stream::kEof;
    default:
      broken_ = true;
      return Stream::kFailed;
  }
}

std::ptrdiff_t TlsSession::handshake() {
  if (broken_) return Stream::kFailed;
  ERR_clear_error();  // what SSL_get_error() finds there must be of this call
  wire_.reads_left = kReads;
  const int result = SSL_do_handshake(ssl_.get());
  shaken_ = result == 1;
  if (shaken_) return 1;
  const std::ptrdiff_t why = failure(result, reading_wants_);
  if (why == Stream::kBlocked) return why;
  broken_ = true;
  const std::string reason = handshake_error();
  if (error_.empty()) error_ = reason;
  return Stream::kFailed;
}

std::ptrdiff_t TlsSession::read(std::span<char> buffer) {
  if (broken_) return Stream::kFailed;
  ERR_clear_error();
  wire_.reads_left = kReads;
  std::size_t n = 0;
  const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &n);
  if (result != 1) return failure(result, reading_wants_);
  idle_messages_ = 0;
  return static_cast<std::ptrdiff_t>(n);
}

std::ptrdiff_t TlsSession::peek() {
  if (broken_) return Stream::kFailed;
  ERR_clear_error();
  wire_.reads_left = kReads;
  char first;
  std::size_t n = 0;
  const int result = SSL_peek_ex(ssl_.get(), &first, 1, &n);
  return result == 1 ? static_cast<std::ptrdiff_t>(n) : failure(result, reading_wants_);
}

std::ptrdiff_t TlsSession::write(std::span<const std::string_view> pieces) {
  if (broken_) return Stream::kFailed;
  std::array<char, kRecord> room;
  std::ptrdiff_t taken = 0;
  for (Cursor cursor(pieces); !cursor.at_end();) {
    const std::string_view next = cursor.next(room);
    ERR_clear_error();
    wire_.reads_left = kReads;  // it may have to end a message of the other side first
    std::size_t n = 0;
    const int result = SSL_write_ex(ssl_.get(), next.data(), next.size(), &n);
    if (result != 1) {
      const std::ptrdiff_t why = failure(result, writing_wants_);
      if (taken > 0) break;  // what went wrong will be said next time
      return why == Stream::kBlocked ? why : Stream::kFailed;
    }
    cursor.advance(n);
    taken += static_cast<std::ptrdiff_t>(n);
  }
  return taken;
}

void TlsSession::end() {
  if (broken_ || !SSL_is_init_finished(ssl_.get())) return;
  ERR_clear_error();
  if (SSL_shutdown(ssl_.get()) < 0) ERR_clear_error();
}

std::string_view TlsSession::protocol() const {
  const unsigned char* name = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

}  // namespace llama_swap::net
