// What is kept of a captured request (http-api 21.2): the headers always, bodies by path. Pure.
#pragma once

#include <string_view>

namespace llama_swap::server {

struct CaptureParts {
  bool request_body = true;
  bool response_body = true;
  bool operator==(const CaptureParts&) const = default;
};

// `path` as in the activity row. `status` 0: there was no answer.
CaptureParts capture_parts(std::string_view path, int status);

}  // namespace llama_swap::server
