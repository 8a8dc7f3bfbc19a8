// Outgoing proxies, as the environment names them: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in upper
// or lower case (runtime 2). Pure but for read_proxy_environment().
#pragma once

#include <optional>
#include <string>

#include "net/url.h"
#include "util/result.h"

namespace llama_swap::net {

struct ProxyEnvironment {
  std::string http;      // the proxy for http:// targets; empty: none
  std::string https;     // for https://
  std::string no_proxy;  // comma separated targets that are reached directly
};

// Of this process. Where both spellings are set, upper case counts.
ProxyEnvironment read_proxy_environment();

struct ForwardProxy {
  Url url;                    // always http://
  std::string authorization;  // the value of Proxy-Authorization; empty: none
};

// The proxy on the way to `target`; nothing: directly. localhost and loopback addresses are always
// reached directly, and what an item of no_proxy covers:
//   *              everything
//   example.com    that host and its subdomains
//   .example.com   its subdomains only, as does *.example.com
//   10.1.2.3       that address; 10.0.0.0/8 that network
//   any but a network may end with ":port", and then covers that port only.
// Errors: invalid (the variable holds no http:// proxy; the text does not repeat it, as it may hold
// a password).
util::Result<std::optional<ForwardProxy>> proxy_for(const Url& target,
                                                    const ProxyEnvironment& environment);

}  // namespace llama_swap::net
