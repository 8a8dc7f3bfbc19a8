// Which requests of web pages are refused: those of foreign pages to what is not meant for them,
// and those of pages that have made their own name point to this machine (DNS rebinding).
// docs/security.md has the table. Pure.
//
// It concerns browsers only. What sends neither Sec-Fetch-Site nor Origin, and does not look like a
// browser, is let through: programs are not led by foreign pages. Browsers send Sec-Fetch-* (W3C
// Fetch Metadata) only to https and to this machine itself, so on a LAN Origin and Referer must do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace llama_swap::server {

// What a request is about to do.
enum class Purpose {
  model,    // use a model: web applications of all origins may
  manage,   // read data or change a state of ours
  act,      // the same with a GET that changes something
  content,  // reach what a model server shows, other than its model endpoints
  load,     // the same, and its model would be loaded for it
};

struct SiteRules {
  std::vector<std::string> origins;  // those that may do everything (Config::allowed_origins)
  // Known names: Config::allowed_hosts, those of a certificate, and of this machine.
  std::vector<std::string> hosts;
};

// Does what proxies add to a request count? Not if the configuration names the trusted ones, and
// this one is none. Foreign pages cannot add such fields: no preflight lets them (cors.h).
enum class ProxyFields { count, made_up };

// Why not, as the client is told; empty: go ahead.
std::string site_refusal(const net::RequestHead& head, Purpose purpose, const SiteRules& rules,
                         ProxyFields proxy_fields = ProxyFields::count);

// Is the Origin of the request that of a foreign web page that may not do everything? For
// preflights, which say nothing else about themselves.
bool is_foreign_origin(const net::RequestHead& head, const SiteRules& rules,
                       ProxyFields proxy_fields = ProxyFields::count);

// Is it named in the rules? Then its pages may read the answers, too.
bool is_allowed_origin(std::string_view origin, const SiteRules& rules);

// Is a Host header ("name:port") one that a foreign page cannot have: an address, a name without a
// dot, one that the public DNS does not give away, or one that is known?
bool is_known_host(std::string_view host, const SiteRules& rules);

}  // namespace llama_swap::server
