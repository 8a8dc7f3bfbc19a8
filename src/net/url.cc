#include "net/url.h"

#include <charconv>

#include "net/http1_head.h"
#include "util/percent.h"
#include "util/text.h"

namespace llama_swap::net {
namespace {

// What is wrong with the bytes of a URL; empty: nothing.
std::string_view byte_fault(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return "control character";
    if (c == '%' &&
        (text.size() - i < 3 || !util::is_hex(text[i + 1]) || !util::is_hex(text[i + 2])))
      return "broken % escape";
  }
  return {};
}

// Spaces and non-ASCII bytes, which people write and a request line cannot carry, as %XX.
std::string escape(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

// host[:port], known to be valid.
void split_authority(std::string_view authority, Url& out) {
  const auto bracket = authority.find(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  const std::string_view host = authority.substr(0, colon);
  out.host = bracket == std::string_view::npos ? host : host.substr(1, host.size() - 2);
  out.port = out.scheme == "https" ? 443 : 80;
  if (colon == std::string_view::npos) return;
  const std::string_view port = authority.substr(colon + 1);
  std::from_chars(port.data(), port.data() + port.size(), out.port);
}

}  // namespace

util::Result<Url> parse_url(std::string_view text) {
  const auto invalid = [&](std::string_view why) {
    return util::fail(util::Errc::invalid,
                      "URL " + util::json_quote(text) + ": " + std::string(why));
  };
  if (const auto fault = byte_fault(text); !fault.empty()) return invalid(fault);
  std::string_view rest = text.substr(0, text.find('#'));

  Url url;
  const auto scheme_end = rest.find("://");
  if (scheme_end == std::string_view::npos) return invalid("no scheme (http:// or https://)");
  url.scheme = util::lower(rest.substr(0, scheme_end));
  if (url.scheme != "http" && url.scheme != "https") return invalid("scheme is not http or https");
  rest.remove_prefix(scheme_end + 3);

  std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  rest.remove_prefix(authority.size());
  if (const auto user_end = authority.rfind('@'); user_end != std::string_view::npos)
    authority.remove_prefix(user_end + 1);
  if (authority.empty() || authority.front() == ':') return invalid("no host");
  if (!is_valid_host(authority)) return invalid("malformed host or port");
  url.authority = authority;
  split_authority(authority, url);
  if (url.port == 0) return invalid("port 0");

  const auto question = rest.find('?');
  url.path = escape(rest.substr(0, question));
  if (question != std::string_view::npos) url.query = escape(rest.substr(question + 1));
  return url;
}

std::string join_target(const Url& base, std::string_view path, std::string_view query) {
  std::string target = base.path;
  if (target.ends_with('/')) target.pop_back();
  if (!path.starts_with('/')) target += '/';
  target += path;
  if (!base.query.empty() || !query.empty()) target += '?';
  target += base.query;
  if (!base.query.empty() && !query.empty()) target += '&';
  target += query;
  return target;
}

}  // namespace llama_swap::net
