// For integration tests: the event loop on a thread of its own, blocking sockets on the test's.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <string>
#include <string_view>
#include <thread>

#include "net/loop.h"
#include "net/timer_wheel.h"

namespace llama_swap::test {

class LoopThread {
 public:
  LoopThread() : thread_([this] { loop.run(); }) {}
  ~LoopThread() {
    guard_.reset();
    loop.stop();
    thread_.join();
  }
  // Runs `f` on the loop and waits for its result.
  template <class F>
  auto on_loop(F f) {
    std::packaged_task<decltype(f())()> task(std::move(f));
    auto result = task.get_future();
    boost::asio::post(loop, std::move(task));
    return result.get();
  }

  net::Loop loop;
  net::TimerWheel wheel{loop};

 private:
  boost::asio::executor_work_guard<net::Executor> guard_ = boost::asio::make_work_guard(loop);
  std::thread thread_;
};

// A blocking TCP socket. Reading fails (returns what is there) after ten seconds of silence.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  static Socket connect(std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) ::close(fd);
    return Socket(fd);
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Socket() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // The descriptor, which is the caller's to close from then on.
  int release() { return std::exchange(fd_, -1); }
  void send(std::string_view data) {
    while (!data.empty()) {
      const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      data.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Until `needle` has come, or the end.
  std::string read_until(std::string_view needle) {
    while (seen_.find(needle) == std::string::npos && read_some()) {
    }
    return seen_;
  }
  std::string read_all() {
    while (read_some()) {
    }
    return seen_;
  }
  // What comes next, in any number of bytes; empty: the end, or silence.
  std::string read_piece() {
    if (seen_.empty()) read_some();
    return take();
  }
  // What came so far, and forgets it.
  std::string take() { return std::exchange(seen_, {}); }
  bool ended() const { return ended_; }

 private:
  bool read_some() {
    pollfd p{fd_, POLLIN, 0};
    if (::poll(&p, 1, 10000) <= 0) return false;
    char buffer[65536];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) {
      ended_ = true;
      return false;
    }
    seen_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  std::string seen_;
  bool ended_ = false;
};

// A listening socket on a free port of 127.0.0.1.
class Acceptor {
 public:
  Acceptor() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(fd_, 64);
  }
  ~Acceptor() { ::close(fd_); }
  Acceptor(const Acceptor&) = delete;
  std::uint16_t port() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    return ntohs(address.sin_port);
  }
  Socket accept() { return Socket(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  int fd_;
};

}  // namespace llama_swap::test
