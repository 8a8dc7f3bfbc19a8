// IP addresses and networks as text.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace llama_swap::util {

// 16 bytes in network order; an IPv4 address as ::ffff:a.b.c.d.
using IpAddress = std::array<unsigned char, 16>;

// Without brackets, port and zone. Nothing: it is no address.
std::optional<IpAddress> parse_ip(std::string_view text);

struct IpNetwork {
  IpAddress address{};
  int bits = 128;  // of the 16 bytes that count
  bool contains(const IpAddress& other) const;
};
// "10.0.0.0/8", "fd00::/8", or one address. Nothing: it is neither.
std::optional<IpNetwork> parse_network(std::string_view text);

}  // namespace llama_swap::util
