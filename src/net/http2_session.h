// The server's side of one HTTP/2 connection (RFC 9113) without its socket: bytes in, bytes out,
// and the exchanges between them. Frames, HPACK and windows are nghttp2's; here is what may be
// asked of us.
//
// Calls out (to the owner, to whoever watches a client) only from feed(), fill() and lose(), when
// nghttp2 is not at work. I/O thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/http2_exchange.h"
#include "net/http2_guard.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/timer_wheel.h"

struct nghttp2_session;

namespace llama_swap::net {

class Http2Session {
 public:
  class Owner {
   public:
    // A request to be handled. Call handler_ended() when it has been.
    virtual void on_request(Http2Exchange& exchange) = 0;
    // There is something to fill() with. Must not call back.
    virtual void on_output() = 0;
    // Has the client closed the connection? Looks now.
    virtual bool connection_lost() = 0;

   protected:
    ~Owner() = default;
  };

  // What the connection waits for, to be given a deadline.
  enum class Waiting {
    preface,  // and the first SETTINGS
    fields,   // the rest of a header block
    request,  // nothing is going on
    nothing,  // streams look after themselves
  };

  enum class Reset { no_error, internal_error, cancel };

  // All must outlive it.
  Http2Session(Loop& loop, TimerWheel& wheel, const ServerLimits& limits, std::string remote_ip,
               Owner& owner);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // What the client sent, from the preface on. False: it is no HTTP/2, or a flood, and not even a
  // GOAWAY is worth the while.
  bool feed(std::string_view data);
  // Appends what is to be sent, to about kBatch bytes. False: that is all for now.
  bool fill(std::string& out);
  static constexpr std::size_t kBatch = 64 << 10;
  // Frames of ours pile up because the client does not take them: it is not to be read from.
  bool is_clogged() const;

  // Takes no other request (GOAWAY), and is over when those in progress have been answered.
  void drain();
  // Resets whatever stream is left, of which no handler may be at work.
  void give_up();
  // Both sides have said all they will.
  bool over() const;
  // The connection is gone: so are all clients.
  void lose();

  Waiting waiting() const;
  // Until each has been closed and its handler has ended.
  std::size_t exchanges() const { return exchanges_.size(); }
  void handler_ended(Http2Exchange& exchange);

  // ---- for exchanges
  Loop& loop() { return loop_; }
  TimerWheel& wheel() { return wheel_; }
  const ServerLimits& limits() const { return limits_; }
  std::string_view remote_ip() const { return remote_ip_; }
  bool connection_lost() { return owner_.connection_lost(); }
  void send_head(const Http2Exchange& exchange, const ResponseHead& head, BodyFraming framing,
                 bool last);
  void send_informational(const Http2Exchange& exchange, const ResponseHead& head);
  // There is more of the answer, or its end.
  void resume(std::int32_t id);
  void reset(std::int32_t id, Reset why);
  // The handler has taken so much of the body: the client may send as much again.
  void consume(std::int32_t id, std::size_t size);
  // So much has been thrown away: only the connection's window opens.
  void discard(std::size_t size);

 private:
  friend struct Http2Callbacks;
  struct Delete {
    void operator()(nghttp2_session* session) const;
  };

  Http2Exchange* exchange(std::int32_t id);
  // Ends the connection: the client asks too much.
  void calm();
  // What a field costs us has little to do with what it was on the wire. False: the rest of its
  // block is not worth a look.
  bool admit_field(std::size_t size);
  void settle();
  void erase_if_over(std::int32_t id);

  Loop& loop_;
  TimerWheel& wheel_;
  const ServerLimits& limits_;
  const std::string remote_ip_;
  Owner& owner_;

  std::unique_ptr<nghttp2_session, Delete> session_;
  std::unordered_map<std::int32_t, std::unique_ptr<Http2Exchange>> exchanges_;
  Http2Guard guard_;
  std::string* out_ = nullptr;        // while fill() runs
  std::vector<std::int32_t> asked_;   // whose heads are complete
  std::vector<std::int32_t> closed_;  // whose streams are no more
  bool greeted_ = false;              // the preface and SETTINGS have come
  bool in_fields_ = false;
  std::size_t block_size_ = 0;  // of the fields so far, decoded
  bool draining_ = false;
  bool calmed_ = false;
  bool lost_ = false;
};

}  // namespace llama_swap::net
