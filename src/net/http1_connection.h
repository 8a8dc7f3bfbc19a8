// One HTTP/1 connection of a client: reads heads, is the Exchange of each request in turn, keeps
// alive or closes. Owned by its coroutine (ConnectionSet::serve) and, while the kernel is asked
// about the client, by that question.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/exchange.h"
#include "net/http1_chunked.h"
#include "net/http1_head.h"
#include "net/listener.h"
#include "net/stream.h"
#include "net/timer_wheel.h"
#include "net/tls_context.h"

namespace llama_swap::net {

class Connection final : public Exchange,
                         public Served,
                         public std::enable_shared_from_this<Connection> {
 public:
  Connection(Loop& loop, TimerWheel& wheel, const ServerLimits& limits, int family, int fd);

  // First of all on a port for TLS: shakes hands. False: nothing came of it, and the connection is
  // to be closed (one that speaks plain HTTP has been told so). stream().tls()->protocol() is what
  // the client means to speak.
  Awaitable<bool> secure(const TlsServerContext& tls);
  // Waits for the next request and takes it up. False: the connection is to be closed (it may have
  // been answered 400), unless it speaks_http2().
  Awaitable<bool> next_request();
  // It began with the preface of HTTP/2 (RFC 9113 3.4): somebody else is to go on with what
  // release() gives. Nothing but destruction is left for this object then.
  bool speaks_http2() const { return speaks_http2_; }
  struct Rest {
    Stream stream;
    std::string remote_ip;
    std::string unread;  // the preface, and what came along with it
  };
  Rest release();
  // After the handler: makes the answer whole or cuts it, and says whether another request may
  // follow.
  Awaitable<bool> complete();
  // Closes at once when idle.
  void drain() override;
  void cut() override { stream_.cut(); }
  bool upgraded() const override { return upgraded_; }
  void close();
  Stream& stream() { return stream_; }

  const RequestHead& request() const override { return head_; }
  std::string_view protocol() const override {
    return head_.version_minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
  }
  std::string_view remote_ip() const override { return remote_ip_; }
  bool has_body() const override {
    return framing_.kind == MessageFraming::chunked || framing_.length_bytes > 0;
  }
  std::optional<std::uint64_t> content_length() const override;
  Awaitable<util::Result<std::size_t>> read_body(std::span<char> buffer) override;
  Awaitable<util::Result<void>> respond(const ResponseHead& head, BodyFraming framing,
                                        std::string_view first) override;
  std::ptrdiff_t try_write(std::string_view data) override;
  Awaitable<util::Result<void>> write(std::string_view data) override;
  Awaitable<util::Result<void>> finish() override;
  Awaitable<util::Result<void>> inform(const ResponseHead& head) override;
  void abort() override;
  bool takes_chunked() const override { return head_.version_minor >= 1; }
  Awaitable<util::Result<Stream*>> upgrade(const ResponseHead& head, std::string& early) override;
  void watch_client(std::function<void()> gone) override;
  void watch_closely() override;
  bool look_for_client() override;
  bool client_gone() const override { return client_gone_; }

 private:
  enum class Sending { nothing, length, own_chunks, ready_chunks, until_close, done };

  // Of a body nobody read; rather that than a new connection.
  static constexpr std::size_t kMaxDrain = 256 << 10;

  bool may_be_preface() const;
  void begin_exchange();
  void take_up_request();
  Awaitable<void> refuse(int status, std::string_view reason);
  Awaitable<void> linger();
  Awaitable<bool> drain_body();
  Awaitable<bool> complete_late();
  bool answer_is_whole() const;
  bool begin_next();
  Awaitable<util::Result<std::size_t>> read_continued(std::span<char> buffer);
  Awaitable<util::Result<std::size_t>> read_framed(std::span<char> buffer);
  Awaitable<util::Result<std::size_t>> read_length(std::span<char> buffer);
  std::size_t took(std::size_t size);
  Awaitable<util::Result<std::size_t>> read_chunked(std::span<char> buffer);
  Awaitable<std::ptrdiff_t> read_raw(std::span<char> buffer);
  std::size_t take_buffered(std::span<char> buffer);
  void append_head(const ResponseHead& head, BodyFraming framing);
  Awaitable<util::Result<void>> send(std::string_view a, std::string_view b = {},
                                     std::string_view c = {});
  Awaitable<util::Result<void>> send_rest(Awaitable<bool> sending);
  util::Result<void> after_sending(bool sent);
  void ask_kernel();
  void ask_tls();
  void on_kernel_answer(bool data);
  void on_watch_tick();
  void on_client_gone();

  std::string_view unread() const { return {in_.data() + begin_, end_ - begin_}; }

  const ServerLimits& limits_;
  Stream stream_;
  std::string remote_ip_;

  // What came in: [begin_, end_) of in_ is not used up yet. The head of the current request stands
  // before begin_ and does not move while the exchange lasts.
  std::vector<char> in_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string early_;  // of the next request, read together with the end of a chunked body

  // The current request.
  RequestHead head_;
  HeadProgress progress_;
  MessageFraming framing_;
  std::uint64_t body_left_ = 0;  // of a body of known length
  std::uint64_t body_seen_ = 0;  // of a chunked one, decoded
  ChunkFollower chunks_{ChunkFollower::Mode::strict};
  bool body_done_ = true;
  bool body_broken_ = false;  // the client ended it early
  bool expect_continue_ = false;

  // The current answer.
  Sending sending_ = Sending::nothing;
  std::uint64_t to_send_ = 0;
  bool head_only_ = false;
  bool keep_alive_ = true;
  bool upgraded_ = false;
  std::string out_;

  // The connection.
  bool idle_ = true;   // between two requests
  bool used_ = false;  // there has been a request
  bool speaks_http2_ = false;
  bool draining_ = false;
  bool client_gone_ = false;
  bool asked_kernel_ = false;  // the answer comes when the client sends something or leaves
  bool data_waits_ =
      false;  // the client has sent the next request already, so only its closing says anything
  bool timed_out_ = false;
  char peeked_ = 0;
  std::function<void()> gone_;
  Deadline deadline_;  // of what the client is to do next
  Deadline watch_tick_;
};

}  // namespace llama_swap::net
