#include "monitor/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace llama_swap::monitor {

using util::Errc;

util::Result<bool> LineReader::fill(util::Time deadline) {
  if (text_.size() >= kMaxLine) return util::fail(Errc::too_large, "too much output");
  switch (stop_.wait(fd_, POLLIN, deadline)) {
    case StopSignal::Wake::stopped:
      return util::fail(Errc::cancelled, "stopped");
    case StopSignal::Wake::late:
      return util::fail(Errc::timed_out, "no answer in time");
    case StopSignal::Wake::ready:
      break;
  }
  char piece[4096];
  const ssize_t size = ::read(fd_, piece, sizeof piece);
  if (size < 0 && errno != EINTR && errno != EAGAIN) return util::fail_errno(errno, "read");
  if (size > 0) text_.append(piece, static_cast<std::size_t>(size));
  return size != 0;
}

util::Result<std::string> LineReader::next(util::Time deadline) {
  for (;;) {
    if (const std::size_t end = text_.find('\n'); end != text_.npos) {
      std::string line = text_.substr(0, end);
      text_.erase(0, end + 1);
      return line;
    }
    const auto more = fill(deadline);
    if (!more) return tl::unexpected(more.error());
    if (*more) continue;
    if (text_.empty()) return util::fail(Errc::closed, "it has ended");
    return std::exchange(text_, {});
  }
}

util::Result<std::string> LineReader::rest(util::Time deadline) {
  for (;;) {
    const auto more = fill(deadline);
    if (!more) return tl::unexpected(more.error());
    if (!*more) return std::exchange(text_, {});
  }
}

}  // namespace llama_swap::monitor
