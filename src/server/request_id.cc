#include "server/request_id.h"

#include <algorithm>

namespace llama_swap::server {
namespace {

constexpr std::size_t kMaxLength = 128;

bool is_usable(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_.:/+=@~").find(c) != std::string_view::npos;
}

}  // namespace

bool is_usable_request_id(std::string_view id) {
  return !id.empty() && id.size() <= kMaxLength && std::ranges::all_of(id, is_usable);
}

std::string_view RequestIds::of(const net::RequestHead& head) {
  const std::string_view* const given = head.find(net::kRequestIdField);
  if (given && is_usable_request_id(*given)) return *given;
  made_.clear();
  util::append_hex(made_, ids_.next());
  return made_;
}

}  // namespace llama_swap::server
