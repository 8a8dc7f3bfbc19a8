// One stream of an HTTP/2 connection, as the Exchange of its request. Owned by its session; lives
// until the stream is closed and the handler has ended.
//
// Both directions have a buffer with a bound: what the client sent and the handler has not read
// (the stream's receive window, opened only as the handler reads), and what the handler wrote and
// the client has no window for yet (kMaxUnsent; then write() waits). So a slow client slows its own
// stream only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/exchange.h"
#include "net/http2_head.h"
#include "net/timer_wheel.h"
#include "net/wakeup.h"

namespace llama_swap::net {

class Http2Session;

class Http2Exchange final : public Exchange {
 public:
  static constexpr std::size_t kMaxUnsent = 64 << 10;

  Http2Exchange(Http2Session& session, std::int32_t id);

  const RequestHead& request() const override { return head_; }
  std::string_view protocol() const override { return "HTTP/2.0"; }
  std::string_view remote_ip() const override;
  bool has_body() const override { return body_follows_ && content_length_ != 0; }
  std::optional<std::uint64_t> content_length() const override { return content_length_; }
  Awaitable<util::Result<std::size_t>> read_body(std::span<char> buffer) override;
  Awaitable<util::Result<void>> respond(const ResponseHead& head, BodyFraming framing,
                                        std::string_view first) override;
  std::ptrdiff_t try_write(std::string_view data) override;
  Awaitable<util::Result<void>> write(std::string_view data) override;
  Awaitable<util::Result<void>> finish() override;
  Awaitable<util::Result<void>> inform(const ResponseHead& head) override;
  // What has been written goes out before the RST_STREAM, as far as the client's window allows.
  void abort() override;
  bool takes_chunked() const override { return false; }
  Awaitable<util::Result<Stream*>> upgrade(const ResponseHead& head, std::string& early) override;
  void watch_client(std::function<void()> gone) override;
  void watch_closely() override {}  // the connection is always read
  bool look_for_client() override;
  bool client_gone() const override { return client_gone_; }

  // ---- for the session

  std::int32_t id() const { return id_; }
  // Fields of the request on their way in.
  Http2Head& fields() { return fields_; }
  // They are all there. A request with a fault is answered with refuse() and has no handler.
  void begin(bool body_follows);
  bool has_fault() const { return fault_.status != 0; }
  void refuse();
  void receive(std::string_view data);
  void receive_end();

  // The answer's body: what can be sent now, what follows, and taking it.
  std::size_t unsent() const { return out_.size() - out_begin_; }
  bool answer_ended() const { return sending_ == Sending::done; }
  bool aborted() const { return sending_ == Sending::aborted; }
  void take(std::size_t size, std::string& to);
  // END_STREAM has been sent.
  void on_end_sent();
  bool end_sent() const { return end_sent_; }

  // The stream is no more. Not `clean`: the client has left, which tell_gone() passes on; it calls
  // out.
  void close(bool clean);
  bool closed() const { return closed_; }
  void tell_gone();

  // After the handler: makes the answer whole or breaks it off.
  void complete();
  bool over() const { return closed_ && (handler_ended_ || !begun_); }

 private:
  enum class Sending { nothing, length, open, done, aborted };

  Awaitable<void> sleep();
  void rouse();
  std::size_t unread() const { return in_.size() - in_begin_; }
  bool body_is_whole() const {
    return unread() == 0 && (request_ended_ || content_length_ == body_taken_);
  }
  util::Result<std::size_t> take_allowed(std::span<char> buffer);
  std::size_t take_body(std::span<char> buffer);
  void drain(std::size_t size);
  Awaitable<util::Result<std::size_t>> wait_for_body(std::span<char> buffer);
  std::string_view clip(std::string_view data);
  std::size_t put(std::string_view data);
  void end_answer();
  Awaitable<util::Result<void>> write_rest(std::string_view data);
  void stop_client();

  Http2Session& session_;
  const std::int32_t id_;

  // The request.
  Http2Head fields_;
  RequestHead head_;
  Http2Head::Fault fault_;
  std::optional<std::uint64_t> content_length_;
  bool begun_ = false;  // the head is complete: there is, or will be, a handler
  bool body_follows_ = false;
  bool expect_continue_ = false;
  bool request_ended_ = false;  // END_STREAM has come
  bool body_broken_ = false;    // the client ended it early, or not at all
  bool timed_out_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t body_taken_ = 0;  // by the handler
  std::uint64_t drained_ = 0;
  std::string in_;  // from in_begin_ on not taken
  std::size_t in_begin_ = 0;

  // The answer.
  Sending sending_ = Sending::nothing;
  std::uint64_t to_send_ = 0;  // of a body of known length, not written yet
  bool end_sent_ = false;
  std::string out_;  // from out_begin_ on not sent
  std::size_t out_begin_ = 0;
  std::size_t sent_in_time_ = 0;  // since write_deadline_ was set

  bool closed_ = false;
  bool client_gone_ = false;
  bool handler_ended_ = false;
  bool waits_ = false;  // the handler, for the client
  Wakeup wakeup_;
  std::function<void()> gone_;
  Deadline body_deadline_;
  Deadline write_deadline_;
  Deadline gone_deadline_;  // for whoever begins to watch a client that has left
};

}  // namespace llama_swap::net
