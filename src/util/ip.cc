#include "util/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace llama_swap::util {
namespace {

constexpr int kMappedBits = 96;  // of the prefix ::ffff:

}  // namespace

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string terminated(text);
  IpAddress out{};
  if (::inet_pton(AF_INET6, terminated.c_str(), out.data()) == 1) return out;
  out = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (::inet_pton(AF_INET, terminated.c_str(), out.data() + kMappedBits / 8) == 1) return out;
  return std::nullopt;
}

bool IpNetwork::contains(const IpAddress& other) const {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (!std::equal(address.begin(), address.begin() + whole, other.begin())) return false;
  const int rest = bits % 8;
  return rest == 0 || ((address[whole] ^ other[whole]) >> (8 - rest)) == 0;
}

std::optional<IpNetwork> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const std::string_view written = text.substr(0, slash);
  const auto address = parse_ip(written);
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return IpNetwork{*address, 128};
  const std::string_view digits = text.substr(slash + 1);
  const int before = written.find(':') == std::string_view::npos ? kMappedBits : 0;
  int bits = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (bits < 0 || bits + before > 128) return std::nullopt;
  return IpNetwork{*address, bits + before};
}

}  // namespace llama_swap::util
