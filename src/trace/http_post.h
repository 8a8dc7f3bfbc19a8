// Posts a document to one server and reads what it says. One at a time. I/O thread only.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/timer_wheel.h"
#include "net/upstream.h"
#include "util/result.h"

namespace llama_swap::trace {

class HttpPost {
 public:
  struct Answer {
    int status = 0;
    std::optional<std::chrono::seconds> retry_after;  // where it is given in seconds
  };

  // `head`: the fields of the request but those of framing, each with its line end. The upstream's
  // base URL is what is posted to. The wheel must outlive the object.
  HttpPost(net::TimerWheel& wheel, std::shared_ptr<net::Upstream> upstream, std::string_view head);

  // Errors: those of Upstream::connect; timed_out, cancelled; closed or invalid: no answer in HTTP.
  // A pooled connection that proves closed is replaced by a fresh one, once. The object and what
  // `body` shows must outlive the awaitable.
  net::Awaitable<util::Result<Answer>> send(std::string_view body, util::Time deadline);
  // Ends a send(), and all that follow.
  void cancel();

 private:
  net::Awaitable<util::Result<Answer>> attempt(std::string_view body);
  net::Awaitable<void> finish_answer(std::size_t begin, std::size_t end);
  void end();

  net::TimerWheel& wheel_;
  const std::shared_ptr<net::Upstream> upstream_;
  const std::string head_;
  net::Upstream::Cancel cancel_connect_;
  std::unique_ptr<net::UpstreamConnection> connection_;  // while it is in use
  bool timed_out_ = false;
  bool cancelled_ = false;
};

}  // namespace llama_swap::trace
