// Whom a client of TLS trusts: the system's certificates and those of a caFile, as they are in the
// files now. I/O thread only.
#pragma once

#include <memory>
#include <string>

#include "net/tls_context.h"

namespace llama_swap::net {

class Trust {
 public:
  // `ca_file`: as of TlsClientContext::make.
  explicit Trust(std::string ca_file) : ca_file_(std::move(ca_file)) {}

  // For a connection to be made now. Looks at the files' attributes each time, and reads them when
  // they have changed since. Errors: those of TlsClientContext::make, until the files have been
  // readable once; from then on what was read last counts until they are readable again.
  util::Result<std::shared_ptr<const TlsClientContext>> context();

 private:
  const std::string ca_file_;
  std::string stamp_;  // of the files when they were last read, to any end
  std::shared_ptr<const TlsClientContext> context_;
};

}  // namespace llama_swap::net
