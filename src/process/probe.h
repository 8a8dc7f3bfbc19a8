// One question of a health check, and how long to wait before the next.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "net/loop.h"
#include "net/timer_wheel.h"
#include "net/upstream.h"
#include "util/time.h"

namespace llama_swap::process {

// "GET <target> HTTP/1.1" for a health check: base path and query of the proxy URL joined with the
// check endpoint (runtime 6.4). No User-Agent, no connection reuse.
std::string probe_request(const net::Upstream& upstream, std::string_view check_endpoint);

enum class Answer {
  ok,         // status 200
  not_ready,  // another status, or a connection that was taken but not answered in time or not in
              // HTTP
  nobody,     // refused, unreachable, no such host
};

struct ProbeResult {
  Answer answer = Answer::nobody;
  int status = 0;                           // 0: none came
  boost::asio::ip::tcp::endpoint answered;  // who took the connection
  std::string error;  // why nothing could be asked, though somebody is there (TLS); else empty
};

// The status code of an HTTP/1.x status line; 0: not one.
int parse_status(std::string_view line);

// Asks once. The body is not waited for; it is read and thrown away in the background, within
// bounds, because a server that is cut off in the middle of its answer complains in its log.
class Probe {
 public:
  // Loop and wheel must outlive it. `ca_file`: as of net::Upstream.
  Probe(net::Loop& loop, net::TimerWheel& wheel, const net::Url& base,
        std::string_view check_endpoint, const std::string& ca_file);

  // At most until `deadline`. The probe must be kept until the answer is there, which cancel()
  // brings about at once.
  net::Awaitable<ProbeResult> ask(util::Time deadline);
  void cancel();

 private:
  struct Attempt;
  net::Loop& loop_;
  const std::shared_ptr<net::Upstream> upstream_;
  const std::string request_;
  std::weak_ptr<Attempt> attempt_;
};

// How often to ask, `since_spawn` after the start. Dense at first, so that a server that is up at
// once is used at once; then in proportion, so that the time lost stays a small part of the time it
// took; at least once a second.
struct Pace {
  std::chrono::milliseconds next;      // if nothing happens
  std::chrono::milliseconds at_least;  // if something does (output, an exit)
};
Pace pace_after(Answer answer, std::chrono::milliseconds since_spawn);

}  // namespace llama_swap::process
