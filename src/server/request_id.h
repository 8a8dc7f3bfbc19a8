// The name of a request in logs, its X-Request-ID: taken over from the client, or made.
#pragma once

#include <string>
#include <string_view>

#include "net/http.h"
#include "util/unique_id.h"

namespace llama_swap::server {

// 1 to 128 letters, digits and - _ . : / + = @ ~: such an id can stand in any log, header or URL.
bool is_usable_request_id(std::string_view id);

class RequestIds {
 public:
  // The client's if that is usable, else a new one of 16 hexadecimal digits. Valid until the next
  // call, and as long as `head`.
  std::string_view of(const net::RequestHead& head);

 private:
  util::UniqueIds ids_;
  std::string made_;
};

}  // namespace llama_swap::server
