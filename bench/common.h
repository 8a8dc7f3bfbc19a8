// What the load programs share: flags, sockets, epoll, HTTP/1.1 heads, chunked framing,
// percentiles. One thread, loopback, non-blocking sockets registered once, edge-triggered: small
// enough that the program under test has the core to itself most of the time.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace llama_swap::bench {

[[noreturn]] inline void die(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(2);
}

// Nanoseconds of CLOCK_MONOTONIC: the same clock in every process of the machine, so a time stamp
// written by the origin can be compared in the client.
inline std::int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

inline std::int64_t to_number(std::string_view text, std::int64_t otherwise) {
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : otherwise;
}

// `--name value` pairs. The constructor is given every flag with its default, and ends the program
// at any other.
class Flags {
 public:
  Flags(int argc, char** argv, std::map<std::string, std::string> defaults)
      : values_(std::move(defaults)) {
    for (int i = 1; i < argc; i += 2) {
      std::string name = argv[i];
      auto found = name.starts_with("--") ? values_.find(name.substr(2)) : values_.end();
      if (found == values_.end() || i + 1 == argc) usage(argv[0]);
      found->second = argv[i + 1];
    }
  }
  const std::string& text(const std::string& name) const { return values_.at(name); }
  std::int64_t number(const std::string& name) const {
    std::int64_t value = to_number(text(name), -1);
    if (value < 0) die("--" + name + " wants a number, not '" + text(name) + "'");
    return value;
  }

 private:
  [[noreturn]] void usage(const char* program) const {
    std::string message = std::string("usage: ") + program;
    for (const auto& [name, value] : values_) message += " [--" + name + " " + value + "]";
    die(message);
  }
  std::map<std::string, std::string> values_;
};

// Every stream needs a descriptor; the soft limit is often 1024.
inline void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  std::signal(SIGPIPE, SIG_IGN);
}

inline sockaddr_in loopback(std::int64_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

inline void set_no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

inline int listen_on(std::int64_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 4096) != 0) {
    die("port " + std::to_string(port) + ": " + std::strerror(errno));
  }
  return fd;
}

// Begins to connect; writable once connected. -1 if that failed at once.
inline int connect_to(std::int64_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  set_no_delay(fd);
  sockaddr_in address = loopback(port);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS) {
    close(fd);
    return -1;
  }
  return fd;
}

class Poller {
 public:
  // `tag` comes back in epoll_event::data.u64. A closed descriptor leaves by itself.
  void add(int fd, std::uint64_t tag,
           std::uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag;
    if (epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) != 0)
      die(std::string("epoll_ctl: ") + std::strerror(errno));
  }
  // Waits until something happens or the clock shows `until_ns`. What is returned lives until the
  // next call.
  std::span<epoll_event> wait(std::int64_t until_ns) {
    std::int64_t left = std::max<std::int64_t>(0, until_ns - now_ns());
    timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
    int n = epoll_pwait2(fd_, events_, std::size(events_), &timeout, nullptr);
    return {events_, static_cast<std::size_t>(std::max(n, 0))};
  }

 private:
  int fd_ = epoll_create1(EPOLL_CLOEXEC);
  epoll_event events_[512];
};

// Reads what is there and hands it to `sink(std::string_view) -> bool`. A short read means empty
// (edge-triggered), except after the peer's FIN (`peer_closed`), which raises no second edge.
// False: end of file, an error, or the sink's wish.
template <typename Sink>
bool drain(int fd, bool peer_closed, Sink&& sink) {
  static char buffer[256 * 1024];
  for (;;) {
    ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    if (n <= 0 || !sink(std::string_view(buffer, static_cast<std::size_t>(n)))) return false;
    if (static_cast<std::size_t>(n) < sizeof buffer && !peer_closed) return true;
  }
}

// The fields these programs look at. `first_line` points into the parsed text.
struct Head {
  std::string_view first_line;
  std::int64_t content_length = -1;  // -1: none
  bool chunked = false;
  bool close = false;

  int status() const {
    return first_line.size() < 12 ? 0 : static_cast<int>(to_number(first_line.substr(9, 3), 0));
  }
};

// `text` ends with the empty line.
inline Head parse_head(std::string_view text) {
  auto same = [](std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
  };
  Head head;
  head.first_line = text.substr(0, text.find("\r\n"));
  text.remove_prefix(head.first_line.size() + 2);
  while (text.size() > 2) {
    std::string_view line = text.substr(0, text.find("\r\n"));
    text.remove_prefix(line.size() + 2);
    std::size_t colon = std::min(line.find(':'), line.size());
    std::string_view name = line.substr(0, colon);
    std::string_view value =
        line.substr(std::min(line.find_first_not_of(" \t", colon + 1), line.size()));
    if (same(name, "content-length")) head.content_length = to_number(value, -1);
    if (same(name, "transfer-encoding")) head.chunked = same(value, "chunked");
    if (same(name, "connection")) head.close = same(value, "close");
  }
  return head;
}

// Follows chunked framing (RFC 9112 7.1) over pieces cut anywhere.
class ChunkDecoder {
 public:
  // Gives the data within `piece` to `sink(std::string_view)`. Returns the bytes used, which are
  // fewer than given only when the body has ended, or nothing if the framing is broken.
  template <typename Sink>
  std::optional<std::size_t> feed(std::string_view piece, Sink&& sink) {
    std::size_t at = 0;
    while (at < piece.size() && state_ != State::done) {
      if (state_ == State::data) {
        std::size_t n = std::min(left_, piece.size() - at);
        sink(piece.substr(at, n));
        at += n;
        left_ -= n;
        if (left_ == 0) state_ = State::data_end;
        continue;
      }
      char c = piece[at++];
      if (c != '\n') {  // lines are short; \r is trimmed at their end
        line_ += c;
        if (line_.size() > 256) return std::nullopt;
        continue;
      }
      if (!end_line()) return std::nullopt;
    }
    return at;
  }
  bool done() const { return state_ == State::done; }

 private:
  enum class State { size, data, data_end, trailer, done };

  bool end_line() {
    std::string line = std::exchange(line_, {});
    if (line.empty() || line.back() != '\r') return false;
    line.pop_back();
    if (state_ == State::data_end) {
      state_ = State::size;
      return line.empty();
    }
    if (state_ == State::trailer) {
      if (line.empty()) state_ = State::done;
      return true;
    }
    auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), left_, 16);
    if (error != std::errc{} || (*end != '\0' && *end != ';')) return false;
    state_ = left_ == 0 ? State::trailer : State::data;
    return true;
  }

  State state_ = State::size;
  std::size_t left_ = 0;
  std::string line_;
};

// A chat request of exactly `size` bytes (at least the empty one's) with "model" as its first
// member.
inline std::string chat_body(const std::string& model, bool stream, std::size_t size) {
  std::string body = R"({"model":")" + model + R"(",)" + (stream ? R"("stream":true,)" : "") +
                     R"("messages":[{"role":"user","content":")";
  constexpr std::string_view kSentence = R"(She said: \"measure twice, {cut} once\".\n)";
  constexpr std::string_view kEnd = R"("}]})";
  while (body.size() + kSentence.size() + kEnd.size() <= size) body += kSentence;
  if (body.size() + kEnd.size() < size) body.append(size - kEnd.size() - body.size(), 'x');
  return body.append(kEnd);
}

// Latencies in nanoseconds, printed in microseconds as members of a JSON object.
inline void print_percentiles(std::vector<std::int64_t>& values) {
  std::sort(values.begin(), values.end());
  for (int percent : {50, 90, 99, 100}) {
    double us = values.empty()
                    ? 0
                    : static_cast<double>(values[(values.size() - 1) * percent / 100]) / 1000;
    std::printf("%s\"p%d_us\": %.1f", percent == 50 ? "" : ", ", percent, us);
  }
}

}  // namespace llama_swap::bench
