// A connected byte stream: a TCP or unix socket, non-blocking, with or without TLS on top. Reads
// and writes are tried at once and wait for readiness only when the kernel says so (research
// figures: docs/decisions/002-event-loop.md). I/O thread only.
#pragma once

#include <sys/uio.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>

#include "net/loop.h"
#include "net/tls_session.h"
#include "util/result.h"

namespace llama_swap::net {

class Stream {
 public:
  // Results of reads and writes besides a positive number of bytes.
  static constexpr std::ptrdiff_t kEof = 0;  // with TLS only one that the other side has signed
  static constexpr std::ptrdiff_t kBlocked = -1;
  static constexpr std::ptrdiff_t kFailed = -2;

  using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;

  explicit Stream(Loop& loop) : socket_(loop) {}
  ~Stream() {
    if (tls_) close();
  }
  // Only while nobody waits on it.
  Stream(Stream&&) = default;
  Stream& operator=(Stream&&) = delete;

  // Takes over a connected socket of the given family (AF_INET, AF_INET6, AF_UNIX). On failure the
  // descriptor is closed and false returned.
  bool assign(int family, int fd);
  bool is_open() const { return socket_.is_open(); }
  int fd() { return socket_.is_open() ? socket_.native_handle() : -1; }

  // Shakes hands; from then on what is read and written here is what TLS carries. What was
  // read before must end where TLS begins. The caller sets the time limit: cut() ends it. Errors:
  // closed (cut, or gone), invalid (no agreement, a certificate that is not good; the text says
  // why).
  Awaitable<util::Result<void>> start_tls(std::unique_ptr<TlsSession> session);
  const TlsSession* tls() const { return tls_.get(); }  // null: none

  std::ptrdiff_t try_read(std::span<char> buffer);
  // What was blocked has to be tried again, before anything else is written.
  std::ptrdiff_t try_write(std::initializer_list<std::string_view> pieces);
  std::ptrdiff_t try_write(std::string_view data) { return try_write({data}); }

  // Both try at the call, and have nothing to await where that was enough.
  // Waits for the first bytes. `buffer` must outlive the awaitable. Never kBlocked.
  Awaitable<std::ptrdiff_t> read(std::span<char> buffer);
  // All of it, in order, in as few system calls as the kernel allows. The pieces must outlive the
  // awaitable. False: the other side is gone, or the stream was cut.
  Awaitable<bool> write(std::string_view first, std::string_view second = {},
                        std::string_view third = {});

  // Ends our direction, in order: the other side sees that it has got everything.
  void end_writing();
  // Ends both directions now: whoever waits on the stream, or will, sees kEof or kFailed. The
  // descriptor stays until close() or destruction, so this may be called at any time from anywhere
  // on the loop.
  void cut();
  bool was_cut() const { return cut_; }
  // Like cut, and the other side sees a reset instead of an end.
  void reset();
  // In order, unless it was cut.
  void close();

  // What try_read would say now, without taking anything (costs a system call). kBlocked also where
  // the socket is readable, as TLS has messages of its own.
  std::ptrdiff_t peek();
  // Is there something to read, an end or an error?
  bool readable_now() { return peek() != kBlocked; }
  // Has the other side closed its direction, even if data is still unread?
  bool peer_closed();

  std::uint64_t bytes_written() const { return bytes_written_; }

  Socket& socket() { return socket_; }
  Loop& loop() { return socket_.get_executor().context(); }

 private:
  Awaitable<std::ptrdiff_t> read_later(std::span<char> buffer);
  Awaitable<std::ptrdiff_t> read_tls_later(std::span<char> buffer);
  Awaitable<bool> write_rest(std::string_view first, std::string_view second,
                             std::string_view third);

  static Socket::wait_type side(TlsSession::Readiness wants) {
    return wants == TlsSession::Readiness::to_read ? Socket::wait_read : Socket::wait_write;
  }

  Socket socket_;
  std::unique_ptr<TlsSession> tls_;
  std::uint64_t bytes_written_ = 0;
  bool cut_ = false;
  // The last read took all there was, so the next one will have to wait. Of a plain stream only.
  bool drained_ = false;
};

}  // namespace llama_swap::net
