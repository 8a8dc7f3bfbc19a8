// Somebody who watches a body pass.
#pragma once

#include <string_view>

namespace llama_swap::net {

class PayloadSink {
 public:
  // The next bytes of the body, cut anywhere, without what frames them. Valid during the call,
  // which stands between the bytes and their receiver: it must be short.
  virtual void on_payload(std::string_view bytes) = 0;

 protected:
  ~PayloadSink() = default;
};

}  // namespace llama_swap::net
