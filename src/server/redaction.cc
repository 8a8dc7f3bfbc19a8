#include "server/redaction.h"

#include <algorithm>
#include <array>

#include "server/shortened.h"
#include "util/text.h"

namespace llama_swap::server {

std::string_view Redaction::shown(std::string_view name, std::string_view value) const {
  // More than the five of 21.3: providers and proxies have names of their own.
  constexpr std::array<std::string_view, 8> kSecret{
      "key", "token", "secret", "auth", "cookie", "password", "credential", "signature"};
  const bool secret =
      std::ranges::any_of(kSecret,
                          [&](std::string_view word) { return util::icontains(name, word); }) ||
      std::ranges::any_of(more_,
                          [&](const std::string& other) { return util::iequals(name, other); });
  return secret ? kInstead : value;
}

std::string canonical_header_name(std::string_view name) {
  std::string out = util::lower(name);
  bool first = true;
  for (char& c : out) {
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    first = c == '-';
  }
  return out;
}

Json headers_json(const net::Headers& headers, const Redaction& redaction, std::size_t most) {
  constexpr std::size_t kOverhead = 32;
  Json out = Json::object();
  for (const net::Header& header : headers) {
    if (header.name.size() + kOverhead > most) break;
    std::string name = canonical_header_name(header.name);
    if (out.contains(name)) continue;
    const std::string_view value = redaction.shown(header.name, header.value);
    most -= name.size() + kOverhead;
    out[std::move(name)] = value.size() > most ? shortened(value, most) : std::string(value);
    most -= std::min(most, value.size());
  }
  return out;
}

namespace {

// With room for so many bytes more.
std::string flatten(const net::Headers& headers, std::size_t more) {
  std::string out;
  for (const net::Header& header : headers) more += header.name.size() + header.value.size() + 2;
  out.reserve(more);
  for (const net::Header& header : headers) {
    out.append(header.name).push_back('\0');
    out.append(header.value).push_back('\0');
  }
  return out;
}

}  // namespace

std::string flatten(const net::Headers& headers) {
  return flatten(headers, 0);
}

std::string flatten(const net::ResponseHead& head, const net::BodyFraming& framing) {
  constexpr std::string_view kName("Content-Length\0", 15);
  if (framing.kind != net::BodyFraming::length) return flatten(head.headers);
  std::string out = flatten(head.headers, kName.size() + 21);
  out += kName;
  util::append_number(out, framing.length_bytes);
  out.push_back('\0');
  return out;
}

net::Headers unflatten(std::string_view flat) {
  net::Headers out;
  const auto fields = util::split(flat, '\0');
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) out.push_back({fields[i], fields[i + 1]});
  return out;
}

}  // namespace llama_swap::server
