// One connection of a client: whole requests in, bytes out. Used by one thread; blocking, so a
// server of many slow streams is as simple to follow as one of a single answer.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "values.h"

namespace fake_model {

struct Request {
  std::string method, target, path, query, proto;
  std::vector<std::pair<std::string, std::string>> headers;  // as they came
  std::string body;                                          // the first kKept bytes
  std::uint64_t body_size = 0;
  bool chunked = false;
  bool keep_alive = true;

  static constexpr std::uint64_t kKept = std::uint64_t{16} << 20;

  // Of the first header of that name, whatever its case; "" if there is none.
  std::string_view header(std::string_view name) const;
};

// Once frozen, no connection sends another byte; each only waits for its client to leave. Any
// thread.
class Freezer {
 public:
  Freezer();
  void freeze();
  bool frozen() const { return frozen_; }
  // Readable once frozen.
  int event() const { return event_; }

 private:
  std::atomic<bool> frozen_{false};
  int event_;
};

class Connection {
 public:
  // Takes over the descriptor. `freezer` must outlive this.
  Connection(int fd, Freezer& freezer) : fd_(fd), freezer_(freezer) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The next request with its body, or nothing when the connection is over (closed, idle too long,
  // or no HTTP). Answers "Expect: 100-continue" by itself.
  std::optional<Request> read_request(Duration idle_limit);
  // Everything, or false: the client is gone.
  bool send(std::string_view head, std::string_view body = {});
  // Sleeps; false as soon as the client is gone.
  bool wait(Duration time);
  bool wait_until(Clock::time_point when) { return wait(when - Clock::now()); }
  // What is there, at least one byte; "" at the end.
  std::string read_some();
  // Ends it with a reset instead of an orderly close.
  void reset();
  bool client_left() const { return left_; }

 private:
  bool fill();
  std::optional<std::string> read_line();
  bool read_head(Request& request);
  bool read_body(Request& request);
  bool take(Request& request, std::uint64_t size);
  bool wait_for_the_end();

  int fd_;
  Freezer& freezer_;
  std::string in_;  // received and not used yet, from used_ on
  std::size_t used_ = 0;
  bool left_ = false;
};

}  // namespace fake_model
