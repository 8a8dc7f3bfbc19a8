// The head of a request from the fields of an HTTP/2 header block (RFC 9113 8.2, 8.3), so that
// handlers see the same as with HTTP/1: Host from :authority, the target from :path, one Cookie.
// Pure: no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace llama_swap::net {

class Http2Head {
 public:
  // As RFC 9113 6.5.2 counts.
  static std::size_t size_of(std::string_view name, std::string_view value) {
    return name.size() + value.size() + 32;
  }

  // `max_bytes` bounds the sum of its fields' sizes.
  explicit Http2Head(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // The next field as it was decoded: the name in lower case, pseudo fields first and each at most
  // once (nghttp2 refuses others). From the first one over the bound on, none is kept.
  void add(std::string_view name, std::string_view value);

  struct Fault {
    int status = 0;  // to answer with: 400 or 431; 0: the head is in order
    std::string_view reason;
  };
  // After the last field. The views in `out` point into this object, which may not move any more.
  // On a fault only the method may be looked at. Held to the rules of HTTP/1 (http1_head.h), and
  // Host may not contradict :authority.
  Fault finish(RequestHead& out);

 private:
  struct Range {
    std::size_t begin = 0, size = 0;
  };
  struct Field {
    Range name, value;
  };
  Range keep(std::string_view text);
  std::string_view text(Range range) const {
    return std::string_view(text_).substr(range.begin, range.size);
  }
  Range* pseudo(std::string_view name);

  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  bool too_large_ = false;
  std::string text_;  // of all fields, one behind the other
  std::vector<Field> fields_;
  Range method_, scheme_, authority_, path_;
  std::string cookies_;
};

}  // namespace llama_swap::net
