// Linux: who listens on a port. A health check that answers proves little: the answer may come from
// a left-over of another run, or from another model. /proc tells, as far as it lets us see.
#pragma once

#include <sys/types.h>

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llama_swap::process {

using Endpoint = boost::asio::ip::tcp::endpoint;

struct ListenSocket {
  Endpoint local;
  std::uint64_t inode = 0;
};

// The listening sockets in the text of /proc/net/tcp or tcp6.
std::vector<ListenSocket> parse_listeners(std::string_view table);

// Whether the beginning of such a text has all of them: the kernel lists them first, and after them
// each connection, of which a busy machine has ten thousands (reading on took 40 ms).
bool past_the_listeners(std::string_view table);

// Which of `all` take a connection to `to`: those bound to its address, else those bound to every
// address.
std::vector<ListenSocket> accepting(const std::vector<ListenSocket>& all, const Endpoint& to);

// All of our network name space, by /proc. Empty also when it does not say.
std::vector<ListenSocket> proc_listeners();

// The sockets that take a connection to `to`, in our network name space. Empty also when the kernel
// does not say.
std::vector<ListenSocket> listeners(const Endpoint& to);

struct Holder {
  pid_t pid = 0;  // 0: cannot be seen (another user's, another name space)
  std::string command;
};

// Somebody who takes connections to `to` now; nothing if nobody does. Tries with a connection, so
// that a socket that only looks as if it were in the way is not one.
std::optional<Holder> in_the_way(const Endpoint& to);

enum class Owner { ours, foreign, unknown };
struct Ownership {
  Owner owner = Owner::unknown;
  std::string model;  // foreign: whose
  Holder holder;      // foreign
};

// Whose process tree has the listening socket at `to`: that of `shim` (ours), that of another one
// of `shims` (pid -> model; foreign), or neither as far as can be seen. `likely` is the process of
// ours that is looked at first: if it is the one, the rest of /proc need not be read.
Ownership classify(const Endpoint& to, pid_t shim, pid_t likely,
                   const std::map<pid_t, std::string>& shims);

// The command line of a process, its arguments joined by spaces, at most 200 bytes; its name if it
// has none.
std::string command_line(pid_t pid);

}  // namespace llama_swap::process
