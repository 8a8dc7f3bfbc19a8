// What an answer that reports a failure says about it (http-api.md 19.2, error_msg).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "usage/member_extractor.h"

namespace llama_swap::usage {

// Reads the body of such an answer as it passes.
class ErrorText {
 public:
  ErrorText();

  // Beyond it nothing is looked at.
  static constexpr std::size_t kMaxBody = 64 * 1024;

  void feed(std::string_view piece);
  // The first of error.message, error, message and detail in the body that is a string and not
  // blank, trimmed, at most 500 bytes and "..."; "" if there is none.
  std::string text() const;
  std::size_t kept_bytes() const { return members_.kept_bytes(); }

 private:
  MemberExtractor members_;
  std::size_t seen_ = 0;
};

// "502 Bad Gateway"; "HTTP 599" if `reason` is empty.
std::string status_text(int status, std::string_view reason);

}  // namespace llama_swap::usage
