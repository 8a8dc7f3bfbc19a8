#include "server/site_guard.h"

#include <algorithm>
#include <array>

#include "util/ip.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

std::string_view value(const net::RequestHead& head, std::string_view name) {
  const std::string_view* found = head.find(name);
  return found ? *found : std::string_view();
}

// One request, and what it is judged by.
struct Asked {
  const net::RequestHead& head;
  const SiteRules& rules;
  ProxyFields proxy_fields;
};

struct Place {
  std::string_view host, port;  // port empty: that of the scheme
};

// Of "host:port", "[address]:port".
Place place_of(std::string_view authority) {
  Place out;
  const auto bracket = authority.rfind(']');
  const auto colon = authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  out.host = authority.substr(0, colon);
  if (colon != std::string_view::npos) out.port = authority.substr(colon + 1);
  if (out.port == "80" || out.port == "443") out.port = {};
  return out;
}

// Of an origin or a URL; empty if it is none.
std::string_view authority_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find('/'));
}

// The scheme does not count, as a proxy may have ended TLS; nor does a port that it has left out.
bool same_place(std::string_view authority, std::string_view host) {
  const Place a = place_of(authority);
  const Place b = place_of(host);
  return !a.host.empty() && util::iequals(a.host, b.host) && (b.port.empty() || a.port == b.port);
}

// Has a proxy passed this on? Pages of other origins cannot add such a field; our own can.
bool has_proxy_field(const net::RequestHead& head) {
  constexpr std::array<std::string_view, 6> kFields{
      "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via"};
  return std::ranges::any_of(kFields,
                             [&](std::string_view name) { return head.find(name) != nullptr; });
}

// To itself a machine's browser would have told more.
bool is_loopback(std::string_view host) {
  const std::string_view name = place_of(host).host;
  return name.starts_with("127.") || name == "[::1]" || util::iequals(name, "localhost");
}

bool matches_host(std::string_view pattern, std::string_view host) {
  if (pattern.starts_with("*.")) return host.ends_with(pattern.substr(1));
  return host == pattern;
}

// Addresses that are not of the Internet.
bool is_local(const util::IpAddress& address) {
  static const auto networks = [] {
    std::vector<util::IpNetwork> out;
    for (const char* text : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8",
                             "169.254.0.0/16", "100.64.0.0/10", "fc00::/7", "fe80::/10", "::1"})
      out.push_back(*util::parse_network(text));
    return out;
  }();
  return std::ranges::any_of(
      networks, [&](const util::IpNetwork& network) { return network.contains(address); });
}

enum class Of {
  host,  // may a browser reach us by it? Foreign pages have names, and cannot have these
  page,  // may it be one of ours? Foreign pages cannot be reached by it
};

bool is_known(std::string_view authority, Of what, const SiteRules& rules) {
  std::string host = util::lower(place_of(authority).host);
  std::string_view address = host;
  if (address.starts_with('[')) address = address.substr(1, address.find(']') - 1);
  if (const auto ip = util::parse_ip(address)) return what == Of::host || is_local(*ip);
  if (host.ends_with('.')) host.pop_back();
  // A name without a dot is one of the local network.
  if (host.find('.') == std::string::npos) return true;
  const auto is_below = [&host](std::string_view suffix) { return host.ends_with(suffix); };
  // Reserved, or handed out by nobody; and one whose owner does not let names be pointed anywhere.
  constexpr std::array<std::string_view, 11> kPrivate{
      ".localhost",   ".local",    ".lan",  ".home",    ".internal", ".home.arpa",
      ".localdomain", ".intranet", ".corp", ".private", ".fritz.box"};
  if (std::ranges::any_of(kPrivate, is_below)) return true;
  // These cannot be pointed anywhere either, but pages can be reached by them.
  if (what == Of::host && is_below(".ts.net")) return true;
  return std::ranges::any_of(rules.hosts, [&](const std::string& pattern) {
    return pattern == "*" ? what == Of::host : matches_host(pattern, host);
  });
}

bool is_here(const Asked& asked, std::string_view authority) {
  const std::string_view host = value(asked.head, "Host");
  if (same_place(authority, host)) return true;
  const bool from_proxy = asked.proxy_fields == ProxyFields::count && has_proxy_field(asked.head);
  if (from_proxy) {
    const std::string_view forwarded = value(asked.head, "X-Forwarded-Host");
    if (same_place(authority, util::trim(forwarded.substr(0, forwarded.find(','))))) return true;
  }
  // A proxy has put a Host of its own there. Then a name that no page from far away has must do.
  return (from_proxy || is_loopback(host)) && !authority.empty() &&
         is_known(authority, Of::page, asked.rules);
}

// Extensions, webviews of editors and other applications: installed, not visited.
bool is_web_page(std::string_view origin) {
  return origin == "null" || util::iequals(origin.substr(0, 7), "http://") ||
         util::iequals(origin.substr(0, 8), "https://");
}

// All browsers say so; few programs pretend, and these seldom have a language.
bool looks_like_browser(const net::RequestHead& head) {
  return value(head, "User-Agent").starts_with("Mozilla/") && head.find("Accept-Language");
}

bool is_navigation(const net::RequestHead& head) {
  if (const std::string_view* mode = head.find("Sec-Fetch-Mode")) return *mode == "navigate";
  return value(head, "Accept").find("text/html") != std::string_view::npos;
}

enum class From {
  here,       // our own pages, installed applications, programs, allowed origins
  unknown,    // a browser that does not tell
  elsewhere,  // a foreign page
};

From origin_from(const Asked& asked) {
  const std::string_view origin = value(asked.head, "Origin");
  if (!is_web_page(origin) || is_allowed_origin(origin, asked.rules)) return From::here;
  return is_here(asked, authority_of(origin)) ? From::here : From::elsewhere;
}

bool has_allowed_referer(const Asked& asked) {
  const std::string_view referer = value(asked.head, "Referer");
  const std::string_view authority = authority_of(referer);
  return !authority.empty() &&
         is_allowed_origin(referer.substr(0, referer.find("://") + 3 + authority.size()),
                           asked.rules);
}

From referer_from(const Asked& asked) {
  const std::string_view authority = authority_of(value(asked.head, "Referer"));
  if (authority.empty()) return From::unknown;
  return has_allowed_referer(asked) || is_here(asked, authority) ? From::here : From::elsewhere;
}

bool has_metadata(const net::RequestHead& head) {
  return head.find("Sec-Fetch-Site") != nullptr;
}

From where_from(const Asked& asked) {
  const bool has_origin = asked.head.find("Origin") != nullptr;
  if (const std::string_view* site = asked.head.find("Sec-Fetch-Site")) {
    // Holds also behind a proxy that gives us another Host.
    if (*site == "same-origin" || *site == "none") return From::here;
    // The browser says that it is not ours. Names and addresses do not outweigh that.
    const std::string_view origin = value(asked.head, "Origin");
    const bool allowed = has_origin ? is_allowed_origin(origin, asked.rules) || !is_web_page(origin)
                                    : has_allowed_referer(asked);
    return allowed ? From::here : From::elsewhere;
  }
  if (has_origin) return origin_from(asked);
  return looks_like_browser(asked.head) ? referer_from(asked) : From::here;
}

// Somebody has clicked or typed; not a page by itself, nor a frame in one. A browser that does not
// tell them apart does it at most for an address that was typed: that has no Referer.
bool is_by_hand(const net::RequestHead& head, From from) {
  if (!is_navigation(head)) return false;
  if (!has_metadata(head)) return from == From::unknown;
  return value(head, "Sec-Fetch-Dest") == "document" && value(head, "Sec-Fetch-User") == "?1";
}

// A page whose name was made to point here is, to its browser, one of ours: it asks without an
// Origin, or with one that is like the Host.
bool is_rebound(const net::RequestHead& head, const SiteRules& rules) {
  const std::string_view* origin = head.find("Origin");
  if (!origin && !has_metadata(head) && !looks_like_browser(head)) return false;
  const std::string_view host = value(head, "Host");
  if (origin && !same_place(authority_of(*origin), host)) return false;
  if (host.empty() || is_known_host(host, rules)) return false;
  // The browser vouches for a certificate, and that is the one of the proxy in front: it would not
  // do for the name of somebody else.
  return !(has_metadata(head) && has_proxy_field(head));
}

bool may_go_on(const net::RequestHead& head, Purpose purpose, From from) {
  if (from == From::here) return true;
  const bool reads = head.method == "GET" || head.method == "HEAD";
  const bool has_origin = head.find("Origin") != nullptr;
  switch (purpose) {
    case Purpose::model:
      // What pages of other origins do with models they do with fetch, which tells the origin.
      return !reads || has_origin || is_navigation(head);
    case Purpose::manage:
      if (from == From::unknown) return true;
      if (!reads) return false;
      // A program that pretends to be a page is let read. A page is let navigate, not fetch.
      return has_origin ? !has_metadata(head) && !looks_like_browser(head) : is_navigation(head);
    case Purpose::act:
      return is_by_hand(head, from);
    case Purpose::content:
      return reads ? !has_origin : from == From::unknown;
    case Purpose::load:
      if (!reads) return from == From::unknown;
      return !has_origin && is_navigation(head) && (from == From::unknown || has_metadata(head));
  }
  return false;
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  return std::string(text.substr(0, kLongest));
}

}  // namespace

bool is_allowed_origin(std::string_view origin, const SiteRules& rules) {
  return std::ranges::any_of(rules.origins, [origin](const std::string& allowed) {
    return allowed == "*" || util::iequals(allowed, origin);
  });
}

bool is_foreign_origin(const net::RequestHead& head, const SiteRules& rules,
                       ProxyFields proxy_fields) {
  return head.find("Origin") && origin_from({head, rules, proxy_fields}) == From::elsewhere;
}

bool is_known_host(std::string_view host, const SiteRules& rules) {
  return is_known(host, Of::host, rules);
}

std::string site_refusal(const net::RequestHead& head, Purpose purpose, const SiteRules& rules,
                         ProxyFields proxy_fields) {
  if (is_rebound(head, rules))
    return "browsers may not reach this server as \"" + shortened(value(head, "Host")) +
           "\": if that is one of its names, add it to allowedHosts";
  if (may_go_on(head, purpose, where_from({head, rules, proxy_fields}))) return "";
  const std::string_view origin = value(head, "Origin");
  std::string text = "requests of web pages from elsewhere are refused here: ";
  if (purpose == Purpose::act || purpose == Purpose::load) text += "use the console (/ui/), or ";
  return text + (origin.empty()
                     ? std::string("if you trust the page, add its origin to allowedOrigins")
                     : "if you trust \"" + shortened(origin) + "\", add it to allowedOrigins");
}

}  // namespace llama_swap::server
