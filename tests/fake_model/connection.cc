#include "connection.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "util/text.h"

namespace fake_model {

using llama_swap::util::icontains;
using llama_swap::util::iequals;
using llama_swap::util::trim;

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (iequals(key, name)) return value;
  }
  return {};
}

Freezer::Freezer() : event_(::eventfd(0, EFD_CLOEXEC)) {}

void Freezer::freeze() {
  frozen_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(event_, &one, sizeof one);
}

Connection::~Connection() {
  ::close(fd_);
}

void Connection::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool Connection::fill() {
  if (used_ == in_.size()) {
    in_.clear();
    used_ = 0;
  }
  char block[65536];
  const ssize_t n = ::recv(fd_, block, sizeof block, 0);
  if (n <= 0) {
    left_ = true;
    return false;
  }
  in_.append(block, static_cast<std::size_t>(n));
  return true;
}

std::string Connection::read_some() {
  if (used_ == in_.size() && !fill()) return {};
  std::string out = in_.substr(used_);
  used_ = in_.size();
  return out;
}

std::optional<std::string> Connection::read_line() {
  for (;;) {
    const std::size_t end = in_.find('\n', used_);
    if (end != in_.npos) {
      std::string line = in_.substr(used_, end - used_);
      used_ = end + 1;
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    if (!fill()) return std::nullopt;
  }
}

bool Connection::read_head(Request& request) {
  const auto first = read_line();
  if (!first) return false;
  const std::size_t a = first->find(' ');
  const std::size_t b = first->rfind(' ');
  if (a == first->npos || a == b) return false;
  request.method = first->substr(0, a);
  request.target = first->substr(a + 1, b - a - 1);
  request.proto = first->substr(b + 1);
  const std::size_t mark = std::min(request.target.find('?'), request.target.size());
  request.path = request.target.substr(0, mark);
  if (mark < request.target.size()) request.query = request.target.substr(mark + 1);
  for (;;) {
    const auto line = read_line();
    if (!line) return false;
    if (line->empty()) break;
    const std::size_t colon = line->find(':');
    if (colon == line->npos) return false;
    request.headers.emplace_back(line->substr(0, colon),
                                 trim(std::string_view(*line).substr(colon + 1)));
  }
  const std::string_view connection = request.header("Connection");
  request.keep_alive = request.proto == "HTTP/1.0" ? icontains(connection, "keep-alive")
                                                   : !icontains(connection, "close");
  request.chunked = icontains(request.header("Transfer-Encoding"), "chunked");
  return true;
}

bool Connection::take(Request& request, std::uint64_t size) {
  request.body_size += size;
  while (size > 0) {
    if (used_ == in_.size() && !fill()) return false;
    const std::uint64_t n = std::min<std::uint64_t>(size, in_.size() - used_);
    const std::uint64_t room =
        Request::kKept - std::min<std::uint64_t>(Request::kKept, request.body.size());
    request.body.append(in_, used_, std::min(n, room));
    used_ += n;
    size -= n;
  }
  return true;
}

bool Connection::read_body(Request& request) {
  if (iequals(request.header("Expect"), "100-continue") && !send("HTTP/1.1 100 Continue\r\n\r\n"))
    return false;
  if (!request.chunked) {
    const std::string_view length = request.header("Content-Length");
    return length.empty() || take(request, parse_number<std::uint64_t>(length).value_or(0));
  }
  for (;;) {
    const auto line = read_line();
    std::uint64_t size = 0;
    if (!line ||
        std::from_chars(line->data(), line->data() + line->size(), size, 16).ec != std::errc{}) {
      return false;
    }
    if (size == 0) break;
    if (!take(request, size) || !read_line()) return false;
  }
  for (auto trailer = read_line(); trailer; trailer = read_line()) {
    if (trailer->empty()) return true;
  }
  return false;
}

std::optional<Request> Connection::read_request(Duration idle_limit) {
  if (used_ == in_.size() && idle_limit.count() > 0) {
    pollfd p{fd_, POLLIN, 0};
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(idle_limit);
    if (::poll(&p, 1, static_cast<int>(limit.count())) == 0) return std::nullopt;
  }
  Request request;
  if (!read_head(request) || !read_body(request)) return std::nullopt;
  return request;
}

bool Connection::send(std::string_view head, std::string_view body) {
  if (freezer_.frozen()) return wait_for_the_end();
  iovec pieces[2] = {{const_cast<char*>(head.data()), head.size()},
                     {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = 2;
  std::size_t left = head.size() + body.size();
  while (left > 0) {
    const ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      left_ = true;
      return false;
    }
    left -= static_cast<std::size_t>(n);
    std::size_t done = static_cast<std::size_t>(n);
    for (iovec& piece : pieces) {
      const std::size_t part = std::min(done, piece.iov_len);
      piece.iov_base = static_cast<char*>(piece.iov_base) + part;
      piece.iov_len -= part;
      done -= part;
    }
  }
  return true;
}

bool Connection::wait(Duration time) {
  const Clock::time_point end = Clock::now() + time;
  for (;;) {
    const Duration rest = std::max(end - Clock::now(), Duration{0});
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(rest);
    const timespec limit{whole.count(), (rest - whole).count()};
    pollfd p[2] = {{fd_, POLLRDHUP, 0}, {freezer_.event(), POLLIN, 0}};
    const int n = ::ppoll(p, 2, &limit, nullptr);
    if (n == 0) return true;
    if (n < 0) continue;
    if (p[0].revents != 0) {
      left_ = true;
      return false;
    }
    return wait_for_the_end();
  }
}

// Frozen: nothing is sent any more, but the client's leaving is still noticed. Always false.
bool Connection::wait_for_the_end() {
  pollfd p{fd_, POLLRDHUP, 0};
  while (::poll(&p, 1, -1) < 0) {
  }
  left_ = true;
  return false;
}

}  // namespace fake_model
