// The upstream of the benchmarks: an HTTP/1.1 server with fixed answers, so that what is measured
// is the proxy. By target, whatever the method:
//
//   /health...                         200, "ok"
//   PATH                               200, 1 KiB of JSON after the whole request body was read
//   PATH?events=N&rate=R&size=S        N server-sent events of S bytes, R a second, then [DONE]
//
// An event is a chunk and a write of its own. It carries its number "n" and the time of sending "t"
// in ns of CLOCK_MONOTONIC. Rate 0: as fast as the reader takes them.
#include <memory>
#include <queue>
#include <utility>

#include "common.h"

namespace llama_swap::bench {
namespace {

constexpr std::size_t kAnswerBytes = 1024;
constexpr std::size_t kHeadLimit = 64 * 1024;
// A reader further behind than this is cut off.
constexpr std::size_t kUnsentLimit = 4 * 1024 * 1024;

struct Stream {
  std::int64_t left = 0;  // events to come
  std::int64_t next_number = 0;
  std::int64_t due_ns = 0;
  std::int64_t interval_ns = 0;  // 0: no pause
  std::size_t event_bytes = 0;
};

struct Connection {
  int fd = -1;
  std::uint64_t serial = 0;  // tells this connection from a later one with the same descriptor
  std::string head;          // as far as received; empty within a body
  std::string target;
  std::int64_t body_left = -1;  // -1: reading a head; of a chunked body: 1 until its end
  std::optional<ChunkDecoder> chunks;
  bool close_after = false;
  std::optional<Stream> stream;
  std::string early;   // requests that came during a stream
  std::string unsent;  // what the socket did not take
};

std::string answer(std::string_view type, const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string completion() {
  std::string body = R"({"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,)"
                     R"("message":{"role":"assistant","content":")";
  const std::string end =
      R"("},"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33}})";
  body.append(kAnswerBytes - body.size() - end.size(), 'a');
  return answer("application/json", body + end);
}

// The value of `name` in the query of `target`, or -1.
std::int64_t query_number(std::string_view target, std::string_view name) {
  std::size_t at = target.find('?');
  while (at != std::string_view::npos) {
    std::string_view pair = target.substr(at + 1, target.find('&', at + 1) - at - 1);
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) {
      return to_number(pair.substr(name.size() + 1), -1);
    }
    at = target.find('&', at + 1);
  }
  return -1;
}

std::string event_chunk(const Stream& stream) {
  std::string event = R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","t":)" +
                      std::to_string(now_ns()) + R"(,"n":)" + std::to_string(stream.next_number) +
                      R"(,"choices":[{"index":0,"delta":{"content":")";
  constexpr std::string_view kEnd = "\"}}]}\n\n";
  if (event.size() + kEnd.size() < stream.event_bytes)
    event.append(stream.event_bytes - event.size() - kEnd.size(), 'a');
  event += kEnd;
  char size[24];
  std::snprintf(size, sizeof size, "%zx\r\n", event.size());
  return size + event + "\r\n";
}

class Origin {
 public:
  explicit Origin(std::int64_t port) : listener_(listen_on(port)) {
    poller_.add(listener_, static_cast<std::uint64_t>(listener_), EPOLLIN);
  }

  [[noreturn]] void run() {
    for (;;) {
      for (const epoll_event& event :
           poller_.wait(due_.empty() ? now_ns() + 1'000'000'000 : due_.top().at_ns)) {
        int fd = static_cast<int>(event.data.u64);
        if (fd == listener_) {
          accept_all();
        } else if (!on_ready(*connections_[fd], event.events)) {
          drop(fd);
        }
      }
      send_due_events();
    }
  }

 private:
  struct Due {
    std::int64_t at_ns;
    int fd;
    std::uint64_t serial;
    bool operator<(const Due& other) const { return at_ns > other.at_ns; }  // soonest on top
  };

  void accept_all() {
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
      set_no_delay(fd);
      auto index = static_cast<std::size_t>(fd);
      if (connections_.size() <= index) connections_.resize(index + 1);
      connections_[index] = std::make_unique<Connection>();
      connections_[index]->fd = fd;
      connections_[index]->serial = ++serial_;
      poller_.add(fd, static_cast<std::uint64_t>(fd));
    }
  }

  void drop(int fd) {
    close(fd);
    connections_[fd].reset();
  }

  bool on_ready(Connection& c, std::uint32_t events) {
    if (events & EPOLLOUT && (!flush(c) || !send_burst(c))) return false;
    if (!(events & (EPOLLIN | EPOLLRDHUP | EPOLLERR))) return true;
    return drain(c.fd, events & EPOLLRDHUP,
                 [&](std::string_view data) { return on_data(c, data); });
  }

  bool on_data(Connection& c, std::string_view data) {
    std::string rest;  // owns what `data` points to once a head was cut off
    while (!data.empty()) {
      if (c.stream) {
        c.early += data;
        return c.early.size() < kHeadLimit;
      }
      if (c.body_left < 0) {
        c.head += data;
        std::size_t end = c.head.find("\r\n\r\n");
        if (end == std::string::npos) return c.head.size() < kHeadLimit;
        rest = c.head.substr(end + 4);
        c.head.resize(end + 4);
        begin_request(c);
        data = rest;
      } else if (c.chunks) {
        std::optional<std::size_t> used = c.chunks->feed(data, [](std::string_view) {});
        if (!used) return false;
        if (c.chunks->done()) c.body_left = 0;
        data.remove_prefix(*used);
      } else {
        std::size_t n = std::min(data.size(), static_cast<std::size_t>(c.body_left));
        c.body_left -= static_cast<std::int64_t>(n);
        data.remove_prefix(n);
      }
      if (c.body_left == 0 && !respond(c)) return false;
    }
    return true;
  }

  void begin_request(Connection& c) {
    Head head = parse_head(c.head);
    std::string_view line = head.first_line;
    line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
    c.target = line.substr(0, line.find(' '));
    c.close_after = head.close;
    c.chunks.reset();
    if (head.chunked) c.chunks.emplace();
    c.body_left = head.chunked ? 1 : std::max<std::int64_t>(0, head.content_length);
    c.head.clear();
  }

  bool respond(Connection& c) {
    c.body_left = -1;
    std::int64_t events = query_number(c.target, "events");
    if (events < 0) {
      return send_all(c, c.target.starts_with("/health") ? health_ : completion_) && !c.close_after;
    }
    std::int64_t rate = query_number(c.target, "rate");
    std::int64_t size = query_number(c.target, "size");
    c.stream = Stream{events, 0, now_ns(), rate > 0 ? 1'000'000'000 / rate : 0,
                      size > 0 ? static_cast<std::size_t>(size) : 0};
    if (!send_all(
            c,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
            "Transfer-Encoding: chunked\r\n\r\n")) {
      return false;
    }
    if (c.stream->interval_ns == 0) return send_burst(c);
    due_.push({c.stream->due_ns, c.fd, c.serial});
    return true;
  }

  void send_due_events() {
    std::int64_t now = now_ns();
    while (!due_.empty() && due_.top().at_ns <= now) {
      Due due = due_.top();
      due_.pop();
      Connection* c = connections_[due.fd].get();
      if (c == nullptr || c->serial != due.serial || !c->stream) continue;
      bool more = c->stream->left > 0;
      if (!send_event(*c)) {
        drop(due.fd);
      } else if (more) {
        c->stream->due_ns += c->stream->interval_ns;
        due_.push({c->stream->due_ns, due.fd, due.serial});
      }
    }
  }

  bool send_burst(Connection& c) {
    while (c.stream && c.stream->interval_ns == 0 && c.unsent.empty()) {
      if (!send_event(c)) return false;
    }
    return true;
  }

  // Sends the next event, or the end of the stream when none is left.
  bool send_event(Connection& c) {
    Stream& stream = *c.stream;
    if (stream.left-- > 0) {
      std::string chunk = event_chunk(stream);
      ++stream.next_number;
      return send_all(c, chunk);
    }
    c.stream.reset();
    if (!send_all(c, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n") || c.close_after) return false;
    std::string early = std::exchange(c.early, {});
    return on_data(c, early);
  }

  bool send_all(Connection& c, std::string_view data) {
    if (c.unsent.empty()) {
      ssize_t n = send(c.fd, data.data(), data.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return false;
      data.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    }
    c.unsent += data;
    return c.unsent.size() < kUnsentLimit;
  }

  bool flush(Connection& c) {
    if (c.unsent.empty()) return true;
    std::string data = std::exchange(c.unsent, {});
    return send_all(c, data);
  }

  const std::string completion_ = completion();
  const std::string health_ = answer("text/plain", "ok");
  int listener_;
  Poller poller_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::priority_queue<Due> due_;
  std::uint64_t serial_ = 0;
};

}  // namespace
}  // namespace llama_swap::bench

int main(int argc, char** argv) {
  using namespace llama_swap::bench;
  Flags flags(argc, argv, {{"port", "9800"}});
  raise_descriptor_limit();
  Origin origin(flags.number("port"));
  origin.run();
}
