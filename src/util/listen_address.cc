#include "util/listen_address.h"

#include <sys/un.h>

#include <charconv>

namespace llama_swap::util {

Result<ListenAddress> parse_listen_address(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  ListenAddress out;
  if (text.starts_with(kUnix)) {
    out.path = text.substr(kUnix.size());
    if (!out.path.starts_with('/')) return fail(Errc::invalid, "the path must begin with /");
    if (out.path.size() >= sizeof(sockaddr_un{}.sun_path))
      return fail(Errc::invalid, "the path is too long for a socket");
    return out;
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail(Errc::invalid, "missing port in address");
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!bracketed && host.find(':') != std::string_view::npos)
    return fail(Errc::invalid, "an IPv6 address needs brackets: [::1]:8080");
  out.host = host;
  const char* const begin = text.data() + colon + 1;
  const char* const end = text.data() + text.size();
  const auto [at, ec] = std::from_chars(begin, end, out.port);
  if (ec != std::errc{} || at != end) return fail(Errc::invalid, "invalid port");
  return out;
}

}  // namespace llama_swap::util
