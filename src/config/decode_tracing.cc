// Where spans go (ours).
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "config/decode.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

constexpr std::size_t kQueueLimit = 1'000'000;

bool is_http_url(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (text.size() > scheme.size() && util::iequals(text.substr(0, scheme.size()), scheme))
      return text[scheme.size()] != '/' &&
             std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  return false;
}

// Of a URL as above.
bool has_path(std::string_view url) {
  const std::size_t path = url.find('/', url.find("//") + 2);
  return path != std::string_view::npos && path + 1 < url.size();
}

// RFC 9110 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// What the exporter says itself.
bool is_taken(std::string_view name) {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"Host", "Content-Length", "Content-Type",
                                              "Transfer-Encoding", "Connection",
                                              "Proxy-Authorization"},
      [name](std::string_view taken) { return util::iequals(name, taken); });
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

// Locale or not, "0.5" is a half. Nothing: it is no share.
std::optional<double> parse_share(std::string_view text) {
  double share = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, share);
  if (error != std::errc{} || parsed != end || !(share >= 0 && share <= 1)) return std::nullopt;
  return share;
}

}  // namespace

void read_tracing(const Reader& root, Config& config) {
  const Reader tracing = root.section("tracing");
  Tracing out;
  out.endpoint = util::trim(tracing.string("endpoint"));
  if (!out.endpoint.empty() && !is_http_url(out.endpoint))
    tracing.error("endpoint", "must be a URL like http://host:4318/v1/traces");
  else if (!out.endpoint.empty() && !has_path(out.endpoint))
    tracing.warn_at(tracing.at("endpoint"), "endpoint",
                    "has no path, and none is added: collectors take traces at /v1/traces");
  out.ca_file = tracing.string("caFile");
  for (const auto& header : tracing.string_map("headers")) {
    if (!is_token(header.name) || is_taken(header.name))
      tracing.error_at(header.name_at, "headers",
                       fmt::format("{} cannot be sent", in_quotes(header.name)));
    if (has_control(header.value))
      tracing.error_at(
          header.at, "headers",
          fmt::format("the value of {} contains a control character", in_quotes(header.name)));
    out.headers.emplace_back(header.name, util::trim(header.value));
  }
  out.service_name = tracing.string("serviceName");
  const auto share = parse_share(util::trim(tracing.string("sample")));
  if (!share) tracing.error("sample", "must be a number from 0 to 1");
  out.sample = share.value_or(1);
  out.max_queue = static_cast<std::size_t>(
      std::clamp<std::int64_t>(tracing.integer("maxQueue"), 1, kQueueLimit));
  if (!out.endpoint.empty()) config.tracing = std::move(out);
}

}  // namespace llama_swap::config
