// Linux: the kernel's list of listening sockets by netlink, sock_diag(7). /proc/net/tcp has it too,
// but after it every connection: to find that there are none the kernel looks at each slot of its
// table, which takes it milliseconds on a machine with much memory.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "process/listener.h"

namespace llama_swap::process {

// Those of our network name space with this port, IPv4 and IPv6. Some microseconds; never waits.
// Nothing: this kernel, or this container, does not tell.
std::optional<std::vector<ListenSocket>> diag_listeners(std::uint16_t port);

}  // namespace llama_swap::process
