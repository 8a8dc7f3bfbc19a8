// One HTTP/2 connection of a client: moves bytes between its socket and its session, runs the
// handler of each request, and gives it its deadlines. One coroutine reads, one writes, in as few
// and large pieces as there are at the moment, and one runs for each handler; all keep the
// connection alive.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/exchange.h"
#include "net/http2_session.h"
#include "net/listener.h"
#include "net/stream.h"
#include "net/timer_wheel.h"
#include "net/wakeup.h"

namespace llama_swap::net {

class Http2Connection final : public Served,
                              private Http2Session::Owner,
                              public std::enable_shared_from_this<Http2Connection> {
 public:
  // Takes over a connected stream that nobody waits on. The rest must outlive it.
  Http2Connection(Stream stream, std::string remote_ip, TimerWheel& wheel,
                  const ServerLimits& limits, const Handler& handler);

  // Serves it, from the preface on, until it has ended and no handler is at work any more. `early`:
  // what has been read of the stream already.
  Awaitable<void> run(std::string early);

  void drain() override;
  void cut() override { stream_.cut(); }
  bool upgraded() const override { return false; }

 private:
  void on_request(Http2Exchange& exchange) override;
  void on_output() override;
  bool connection_lost() override { return stream_.was_cut() || stream_.peer_closed(); }

  static Awaitable<void> handle(std::shared_ptr<Http2Connection> self, Http2Exchange& exchange);
  static Awaitable<void> write_out(std::shared_ptr<Http2Connection> self);
  Awaitable<void> read_in(std::string early);
  Awaitable<bool> send(std::string_view data);
  void end_writing();
  void set_deadline();
  void on_deadline();
  void set_last_deadline();
  void on_last_deadline();

  Stream stream_;
  const ServerLimits& limits_;
  const Handler& handler_;
  Http2Session session_;
  bool output_ = false;    // there may be some
  bool writing_ = false;   // write_out() runs
  bool said_all_ = false;  // our direction has ended
  bool ended_ = false;     // nothing is read any more
  bool draining_ = false;
  bool gave_up_ = false;   // on a client that does not take the end of its answers
  unsigned handlers_ = 0;  // at work
  Wakeup to_write_;
  Wakeup unclogged_;
  Wakeup progress_;  // of the end: a handler or the writer has ended
  Http2Session::Waiting waiting_ = Http2Session::Waiting::nothing;
  Deadline deadline_;        // of what the client is to send next
  Deadline write_deadline_;  // for its taking what we send
  Deadline last_deadline_;   // for its taking the last of it, while draining
};

}  // namespace llama_swap::net
