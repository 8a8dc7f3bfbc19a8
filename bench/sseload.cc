// Opens --streams event streams on the origin (through a proxy) and reads each to its end.
// Prints one JSON object: streams, events, lost, broken, seconds, per_second, p50_us, p90_us,
// p99_us, p100_us.
//
// Chunked framing is decoded before events are looked for, as a proxy may cut and join chunks.
// `lost` are events that did not come or came out of order; `broken` are streams without a proper
// end (no connection, another status, no or wrong framing, no last chunk, not in time). The latency
// of an event runs from the origin's time stamp to the return of the read that completed it.
#include "common.h"

namespace llama_swap::bench {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

struct Stream {
  int fd = -1;
  bool asked = false;
  bool answered = false;  // the head has been read
  std::string text;       // head or event, as far as received
  ChunkDecoder chunks;
  std::int64_t next_number = 0;
};

// The digits after `key` in `text`, or -1.
std::int64_t member(std::string_view text, std::string_view key) {
  std::size_t at = text.find(key);
  if (at == std::string_view::npos) return -1;
  text.remove_prefix(at + key.size());
  return to_number(text.substr(0, text.find_first_not_of("0123456789")), -1);
}

class SseLoad {
 public:
  explicit SseLoad(const Flags& flags)
      : port_(flags.number("port")),
        events_per_stream_(flags.number("events")),
        ramp_ns_(flags.number("ramp-ms") * kMillisecond),
        limit_ns_(flags.number("limit-ms") * kMillisecond),
        streams_(static_cast<std::size_t>(flags.number("streams"))) {
    std::string body = chat_body(flags.text("model"), true, 0);
    request_ =
        "POST " + flags.text("path") + "?events=" + flags.text("events") +
        "&rate=" + flags.text("rate") + "&size=" + flags.text("size") +
        " HTTP/1.1\r\nHost: 127.0.0.1:" + flags.text("port") +
        "\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  int run() {
    const std::int64_t begin = now_ns();
    const std::int64_t limit = begin + limit_ns_;
    std::int64_t next_open = begin;
    while (closed_ < streams_.size() && now_ns() < limit) {
      while (opened_ < streams_.size() && now_ns() >= next_open) {
        open(opened_++);
        next_open = begin + ramp_ns_ * static_cast<std::int64_t>(opened_) /
                                static_cast<std::int64_t>(streams_.size());
      }
      for (const epoll_event& event : poller_.wait(opened_ < streams_.size() ? next_open : limit)) {
        on_ready(streams_[event.data.u64], event.events);
      }
    }
    report(static_cast<double>(now_ns() - begin) / 1e9);
    return lost() == 0 && whole_ == streams_.size() ? 0 : 1;
  }

 private:
  std::int64_t lost() const {
    return events_per_stream_ * static_cast<std::int64_t>(streams_.size()) - received_in_order_;
  }

  void report(double seconds) {
    std::size_t events = latencies_ns_.size();
    std::printf(
        "{\"streams\": %zu, \"events\": %zu, \"lost\": %lld, \"broken\": %zu, \"seconds\": %.3f, "
        "\"per_second\": %.1f, ",
        streams_.size(), events, static_cast<long long>(lost()), streams_.size() - whole_, seconds,
        static_cast<double>(events) / seconds);
    print_percentiles(latencies_ns_);
    std::printf("}\n");
  }

  void open(std::size_t index) {
    Stream& stream = streams_[index];
    stream.fd = connect_to(port_);
    if (stream.fd < 0) {
      ++closed_;
    } else {
      poller_.add(stream.fd, index);
    }
  }

  void on_ready(Stream& stream, std::uint32_t events) {
    if (stream.fd < 0) return;
    bool ok = true;
    if (events & EPOLLOUT && !stream.asked) {
      stream.asked = true;  // a request is far smaller than a socket buffer
      ok = send(stream.fd, request_.data(), request_.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(request_.size());
    }
    if (ok && events & (EPOLLIN | EPOLLRDHUP | EPOLLERR)) {
      ok = drain(stream.fd, events & EPOLLRDHUP,
                 [&](std::string_view data) { return on_answer(stream, data, now_ns()); });
    }
    if (ok) return;
    if (stream.chunks.done()) ++whole_;
    close(stream.fd);
    stream.fd = -1;
    ++closed_;
  }

  // False: the stream is over, well or badly.
  bool on_answer(Stream& stream, std::string_view data, std::int64_t now) {
    std::string rest;
    if (!stream.answered) {
      stream.text += data;
      std::size_t end = stream.text.find("\r\n\r\n");
      if (end == std::string::npos) return stream.text.size() < 64 * 1024;
      rest = stream.text.substr(end + 4);
      stream.text.resize(end + 4);
      Head head = parse_head(stream.text);
      if (head.status() != 200 || !head.chunked) return false;
      stream.text.clear();
      stream.answered = true;
      data = rest;
    }
    bool framed =
        stream.chunks.feed(data, [&](std::string_view piece) { on_text(stream, piece, now); })
            .has_value();
    return framed && !stream.chunks.done();
  }

  void on_text(Stream& stream, std::string_view piece, std::int64_t now) {
    stream.text += piece;
    std::size_t begin = 0;
    for (std::size_t end; (end = stream.text.find("\n\n", begin)) != std::string::npos;
         begin = end + 2) {
      std::string_view event = std::string_view(stream.text).substr(begin, end - begin);
      std::int64_t sent = member(event, "\"t\":");
      if (sent < 0) continue;  // [DONE]
      latencies_ns_.push_back(now - sent);
      if (member(event, "\"n\":") == stream.next_number) ++received_in_order_;
      ++stream.next_number;
    }
    stream.text.erase(0, begin);
  }

  const std::int64_t port_;
  const std::int64_t events_per_stream_;
  const std::int64_t ramp_ns_;
  const std::int64_t limit_ns_;
  std::string request_;
  Poller poller_;
  std::vector<Stream> streams_;
  std::size_t opened_ = 0;
  std::size_t closed_ = 0;
  std::size_t whole_ = 0;
  std::int64_t received_in_order_ = 0;
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
               {"streams", "1"},
               {"events", "10"},
               {"rate", "10"},
               {"size", "200"},
               {"ramp-ms", "0"},
               {"limit-ms", "30000"}});
  raise_descriptor_limit();
  return SseLoad(flags).run();
}
