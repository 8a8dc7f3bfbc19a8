// A closed-loop load client: each connection sends its next request when the answer to the last one
// is complete. Prints one JSON object: requests, errors, seconds, per_second, p50_us, p90_us,
// p99_us, p100_us.
//
// An error is: no connection, another status than 200, another answer length than --answer, a
// connection that ends within an answer, an answer that did not come in time. The latency runs from
// the first byte sent to the last received.
#include <sys/uio.h>

#include "common.h"

namespace llama_swap::bench {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kPatienceNs = 5 * kSecond;  // for the answers still out at the end
constexpr std::int64_t kErrorLimit = 1000;

struct Connection {
  int fd = -1;
  std::size_t sent = 0;  // bytes of the request
  bool waiting = false;  // a request is out
  std::int64_t started_ns = 0;
  std::string head;             // of the answer, as far as received
  std::int64_t body_left = -1;  // -1: reading the head
  bool close_after = false;
};

class Load {
 public:
  explicit Load(const Flags& flags)
      : port_(flags.number("port")),
        answer_bytes_(flags.number("answer")),
        request_limit_(flags.number("requests")),
        end_ns_(now_ns() + flags.number("milliseconds") * 1'000'000),
        body_(
            chat_body(flags.text("model"), false, static_cast<std::size_t>(flags.number("body")))),
        head_("POST " + flags.text("path") + " HTTP/1.1\r\nHost: 127.0.0.1:" + flags.text("port") +
              "\r\nContent-Type: application/json\r\nAccept: */*\r\nContent-Length: " +
              std::to_string(body_.size()) + "\r\n\r\n"),
        connections_(static_cast<std::size_t>(flags.number("connections"))) {}

  int run() {
    const std::int64_t begin = last_answer_ns_ = now_ns();
    for (std::size_t i = 0; i < connections_.size(); ++i) open(i);
    while (!finished()) {
      for (const epoll_event& event :
           poller_.wait(now_ns() < end_ns_ ? end_ns_ : end_ns_ + kPatienceNs)) {
        on_ready(event.data.u64, event.events);
      }
    }
    errors_ += out_;
    double seconds = static_cast<double>(last_answer_ns_ - begin) / kSecond;
    std::printf("{\"requests\": %zu, \"errors\": %lld, \"seconds\": %.3f, \"per_second\": %.1f, ",
                latencies_ns_.size(), static_cast<long long>(errors_), seconds,
                seconds > 0 ? static_cast<double>(latencies_ns_.size()) / seconds : 0);
    print_percentiles(latencies_ns_);
    std::printf("}\n");
    return errors_ == 0 ? 0 : 1;
  }

 private:
  bool ending() const {
    return begun_ >= request_limit_ || errors_ >= kErrorLimit || now_ns() >= end_ns_;
  }
  bool finished() const {
    return (out_ == 0 && ending()) || errors_ >= kErrorLimit || now_ns() >= end_ns_ + kPatienceNs;
  }

  // The request is sent when the socket reports itself writable.
  void open(std::size_t index) {
    Connection& c = connections_[index];
    c = Connection{};
    if (ending()) return;
    c.fd = connect_to(port_);
    if (c.fd >= 0) {
      poller_.add(c.fd, index);
      begin_request(c);
    } else if (++errors_ < kErrorLimit) {
      open(index);
    }
  }

  void reopen(std::size_t index, bool error) {
    Connection& c = connections_[index];
    if (error) ++errors_;
    if (c.waiting) --out_;
    close(c.fd);
    open(index);
  }

  void begin_request(Connection& c) {
    c.sent = 0;
    c.waiting = true;
    c.started_ns = now_ns();
    c.head.clear();
    c.body_left = -1;
    ++begun_;
    ++out_;
  }

  void on_ready(std::size_t index, std::uint32_t events) {
    Connection& c = connections_[index];
    if (c.fd < 0) return;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR)) {
      bool open = drain(c.fd, events & EPOLLRDHUP,
                        [&](std::string_view data) { return on_answer(c, data); });
      if (!open) return reopen(index, c.waiting);
    }
    if (events & EPOLLOUT && c.waiting && !send_request(c)) reopen(index, true);
  }

  bool send_request(Connection& c) {
    while (c.sent < head_.size() + body_.size()) {
      std::size_t of_head = std::min(c.sent, head_.size());
      std::size_t of_body = c.sent - of_head;
      iovec parts[] = {{const_cast<char*>(head_.data()) + of_head, head_.size() - of_head},
                       {const_cast<char*>(body_.data()) + of_body, body_.size() - of_body}};
      ssize_t n = writev(c.fd, parts, 2);
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      c.sent += static_cast<std::size_t>(n);
    }
    return true;
  }

  // False: the connection cannot be used further (an error if a request is still out).
  bool on_answer(Connection& c, std::string_view data) {
    if (!c.waiting) return false;
    std::string rest;
    if (c.body_left < 0) {
      c.head += data;
      std::size_t end = c.head.find("\r\n\r\n");
      if (end == std::string::npos) return c.head.size() < 64 * 1024;
      rest = c.head.substr(end + 4);
      c.head.resize(end + 4);
      Head head = parse_head(c.head);
      if (head.status() != 200 || head.content_length != answer_bytes_) return false;
      c.body_left = head.content_length;
      c.close_after = head.close;
      data = rest;
    }
    c.body_left -= static_cast<std::int64_t>(data.size());
    if (c.body_left > 0) return true;
    if (c.body_left < 0 || c.sent < head_.size() + body_.size()) return false;
    last_answer_ns_ = now_ns();
    latencies_ns_.push_back(last_answer_ns_ - c.started_ns);
    c.waiting = false;
    --out_;
    if (c.close_after) return false;
    if (ending()) return true;
    begin_request(c);
    return send_request(c);
  }

  const std::int64_t port_;
  const std::int64_t answer_bytes_;
  const std::int64_t request_limit_;
  const std::int64_t end_ns_;
  const std::string body_;
  const std::string head_;
  Poller poller_;
  std::vector<Connection> connections_;
  std::int64_t begun_ = 0;
  std::int64_t out_ = 0;
  std::int64_t errors_ = 0;
  std::int64_t last_answer_ns_ = 0;
  std::vector<std::int64_t> latencies_ns_;
};

}  // namespace
}  // namespace llama_swap::bench

int main(int argc, char** argv) {
  using namespace llama_swap::bench;
  Flags flags(argc, argv,
              {{"port", "8080"},
               {"path", "/v1/chat/completions"},
               {"model", "bench"},
               {"connections", "1"},
               {"body", "512"},
               {"answer", "1024"},
               {"requests", "1000000000"},
               {"milliseconds", "1000"}});
  raise_descriptor_limit();
  return Load(flags).run();
}
