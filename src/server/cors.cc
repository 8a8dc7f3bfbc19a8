#include "server/cors.h"

#include <algorithm>

#include "util/text.h"

namespace llama_swap::server {
namespace {

constexpr std::string_view kForwarded = "X-Forwarded-";

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool is_proxy_field(std::string_view name) {
  return util::iequals(name.substr(0, kForwarded.size()), kForwarded) ||
         util::iequals(name, "Forwarded") || util::iequals(name, "Via") ||
         util::iequals(name, "X-Real-IP");
}

template <class Keep>
std::string filtered_list(std::string_view list, Keep keep) {
  std::vector<std::string> names;
  for (const std::string_view item : util::split(list, ',')) {
    const std::string_view name = util::trim(item);
    if (is_token(name) && keep(name)) names.emplace_back(name);
  }
  return util::join(names, ", ");
}

}  // namespace

std::string sanitize_header_list(std::string_view list) {
  return filtered_list(list, [](std::string_view) { return true; });
}

std::string without_proxy_fields(std::string_view list) {
  return filtered_list(list, [](std::string_view name) { return !is_proxy_field(name); });
}

net::Awaitable<void> send_preflight(net::Exchange& exchange, Asking who) {
  std::string allowed = "Content-Type, Authorization, Accept, X-Requested-With";
  const std::string_view* asked = exchange.request().find("Access-Control-Request-Headers");
  if (asked && !asked->empty())
    allowed = who == Asking::anybody ? sanitize_header_list(*asked) : without_proxy_fields(*asked);
  net::ResponseHead head;
  head.status = 204;
  head.headers = {
      {"Access-Control-Allow-Origin", "*"},
      {"Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"},
      {"Access-Control-Allow-Headers", allowed},
      {"Access-Control-Max-Age", "86400"},
  };
  const net::BodyFraming framing{net::BodyFraming::none, 0};
  co_await exchange.respond(head, framing);
}

net::Awaitable<void> send_preflight_refusal(net::Exchange& exchange) {
  net::ResponseHead head;
  head.status = 204;
  const net::BodyFraming framing{net::BodyFraming::none, 0};
  co_await exchange.respond(head, framing);
}

}  // namespace llama_swap::server
