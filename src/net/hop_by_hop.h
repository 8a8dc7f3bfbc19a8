// Which header fields concern one connection only and are not forwarded (RFC 9110 7.6.1).
#pragma once

#include <string_view>
#include <vector>

#include "net/http.h"

namespace llama_swap::net {

// Connection, Proxy-Connection, Keep-Alive, Proxy-Authenticate, Proxy-Authorization, Te, Trailer,
// Transfer-Encoding, Upgrade, HTTP2-Settings (RFC 7540 3.2.1); any case. Te is one of them: who
// forwards a request adds "Te: trailers" again where the client's Te has that token
// (header_has_token).
bool is_hop_by_hop(std::string_view name);

// The fields that the Connection lines of one head name besides. Allocates only if they name any
// that is not hop-by-hop anyway. Views into the head's memory: the head's buffer must outlive it.
class ConnectionTokens {
 public:
  explicit ConnectionTokens(const Headers& headers);

  // Never true for Host and Content-Length: without them the message would mean something else.
  bool names(std::string_view header_name) const;

 private:
  std::vector<std::string_view> names_;  // sorted, ignoring case
};

}  // namespace llama_swap::net
