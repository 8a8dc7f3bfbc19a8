#include "net/proxy_env.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <charconv>
#include <cstdlib>

#include "util/base64.h"
#include "util/text.h"

namespace llama_swap::net {
namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> address_in(std::string_view text) {
  boost::system::error_code not_one;
  const ip::address address = ip::make_address(text, not_one);
  return not_one ? std::nullopt : std::optional(address);
}

bool network_holds(std::string_view network, const ip::address& address) {
  boost::system::error_code bad;
  if (address.is_v4()) {
    const auto range = ip::make_network_v4(network, bad).canonical();
    return !bad && ip::network_v4(address.to_v4(), range.prefix_length()).canonical() == range;
  }
  const auto range = ip::make_network_v6(network, bad).canonical();
  return !bad && ip::network_v6(address.to_v6(), range.prefix_length()).canonical() == range;
}

// Takes ":port" off the end. An IPv6 address with a port has brackets.
std::optional<int> take_port(std::string_view& item) {
  const auto colon = item.rfind(':');
  const auto bracket = item.rfind(']');
  std::optional<int> port;
  const bool is_bare_v6 = bracket == std::string_view::npos && item.find(':') != colon;
  if (colon != std::string_view::npos && !is_bare_v6 &&
      (bracket == std::string_view::npos || colon > bracket)) {
    int number = 0;
    const std::string_view digits = item.substr(colon + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    port = number;
    item = item.substr(0, colon);
  }
  if (item.starts_with('[') && item.ends_with(']')) item = item.substr(1, item.size() - 2);
  return port;
}

// `host`: in lower case, without a dot at the end.
bool covers(std::string_view item, std::string_view host, int target_port) {
  if (item.empty()) return false;
  if (item == "*") return true;
  const auto address = address_in(host);
  if (item.find('/') != std::string_view::npos) return address && network_holds(item, *address);
  const auto port = take_port(item);
  if (port && *port != target_port) return false;
  if (address) return address_in(item) == address;
  if (item.starts_with('*')) item.remove_prefix(1);
  if (item.starts_with('.')) return host.size() > item.size() && host.ends_with(item);
  return host == item || (host.size() > item.size() && host.ends_with(item) &&
                          host[host.size() - item.size() - 1] == '.');
}

// Of the authority of an absolute URL, still escaped.
std::string_view user_info(std::string_view url) {
  url.remove_prefix(url.find("://") + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  const auto at = url.rfind('@');
  return at == std::string_view::npos ? std::string_view{} : url.substr(0, at);
}

}  // namespace

ProxyEnvironment read_proxy_environment() {
  const auto either = [](const char* upper, const char* lower) -> std::string {
    const char* value = std::getenv(upper);
    if (value == nullptr || *value == 0) value = std::getenv(lower);
    return value == nullptr ? "" : value;
  };
  return {either("HTTP_PROXY", "http_proxy"), either("HTTPS_PROXY", "https_proxy"),
          either("NO_PROXY", "no_proxy")};
}

util::Result<std::optional<ForwardProxy>> proxy_for(const Url& target,
                                                    const ProxyEnvironment& environment) {
  const bool secure = target.scheme == "https";
  std::string named(util::trim(secure ? environment.https : environment.http));
  if (named.empty()) return std::nullopt;
  std::string host = util::lower(target.host);
  if (host.ends_with('.')) host.pop_back();
  const auto address = address_in(host);
  if (host == "localhost" || (address && address->is_loopback())) return std::nullopt;
  const std::string no_proxy = util::lower(environment.no_proxy);
  for (const std::string_view item : util::split(no_proxy, ','))
    if (covers(util::trim(item), host, target.port)) return std::nullopt;

  if (named.find("://") == std::string::npos) named.insert(0, "http://");
  auto url = parse_url(named);
  if (!url || url->scheme != "http")
    return util::fail(util::Errc::invalid,
                      std::string(secure ? "HTTPS_PROXY" : "HTTP_PROXY") +
                          " does not name a proxy as http://host:port, the kind that can be used");
  ForwardProxy proxy{*std::move(url), {}};
  if (std::string user(user_info(named)); !user.empty()) {
    if (user.find(':') == std::string::npos) user += ':';  // an empty password (RFC 7617 2)
    proxy.authorization = "Basic ";
    util::append_base64(proxy.authorization, util::percent_decode(user));
  }
  return proxy;
}

}  // namespace llama_swap::net
