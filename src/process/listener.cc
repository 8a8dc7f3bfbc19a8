#include "process/listener.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <set>
#include <unordered_map>

#include "process/proc_fs.h"
#include "process/sock_diag.h"
#include "util/text.h"

namespace llama_swap::process {
namespace {

namespace ip = boost::asio::ip;

// The file, or its beginning up to where `enough` says so of what has been read.
std::string read_file(
    const std::string& path,
    bool (*enough)(std::string_view text) = [](std::string_view) { return false; }) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  std::array<char, 16384> buffer;
  for (ssize_t got; !enough(text) && (got = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  return text;
}

// The kernel prints each 32-bit word of an address in its own byte order.
std::optional<ip::address> parse_address(std::string_view hex) {
  std::array<unsigned char, 16> bytes{};
  if (hex.size() != 8 && hex.size() != 32) return {};
  for (std::size_t i = 0; i < hex.size(); i += 8) {
    std::uint32_t word = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 8, word, 16);
    if (error != std::errc{} || end != hex.data() + i + 8) return {};
    std::memcpy(bytes.data() + i / 2, &word, sizeof word);
  }
  if (hex.size() == 32) return ip::address_v6(bytes);
  ip::address_v4::bytes_type v4{};
  std::memcpy(v4.data(), bytes.data(), v4.size());
  return ip::address_v4(v4);
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  for (const std::string_view word : util::split(line, ' ')) {
    if (!word.empty()) out.push_back(word);
  }
  return out;
}

constexpr std::string_view kListening = "0A";

// The state of a line of /proc/net/tcp; "" for its head and for half a line.
std::string_view state_in(const std::vector<std::string_view>& fields) {
  return fields.size() < 10 || fields[0] == "sl" ? std::string_view() : fields[3];
}

std::set<std::uint64_t> inodes_of(const std::vector<ListenSocket>& sockets) {
  std::set<std::uint64_t> inodes;
  for (const ListenSocket& socket : sockets) inodes.insert(socket.inode);
  return inodes;
}

bool holds_one_of(pid_t pid, const std::set<std::uint64_t>& inodes) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/fd";
  DIR* fds = ::opendir(directory.c_str());
  if (fds == nullptr) return false;
  bool found = false;
  while (const dirent* entry = found ? nullptr : ::readdir(fds)) {
    std::array<char, 64> target{};
    const ssize_t size =
        ::readlinkat(::dirfd(fds), entry->d_name, target.data(), target.size() - 1);
    constexpr std::string_view kPrefix = "socket:[";
    const std::string_view text(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    if (!text.starts_with(kPrefix)) continue;
    std::uint64_t inode = 0;
    std::from_chars(text.data() + kPrefix.size(), text.data() + text.size(), inode);
    found = inodes.contains(inode);
  }
  ::closedir(fds);
  return found;
}

// True unless the connection is refused. On the loopback the kernel knows at once; only a server
// that is too busy to take it leaves us waiting, and it is there.
bool takes_connections(const Endpoint& to) {
  constexpr int kPatienceMs = 20;
  const int fd = ::socket(to.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  int error = ::connect(fd, to.data(), static_cast<socklen_t>(to.size())) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd watched{fd, POLLOUT, 0};
    socklen_t size = sizeof error;
    // No answer in time is no listener: the kernel may be slow to refuse, never to accept.
    if (::poll(&watched, 1, kPatienceMs) > 0) ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  ::close(fd);
  return error == 0;
}

// Which of `shims` a process descends from; 0: none. `parents` maps pid to parent.
pid_t shim_above(pid_t pid, const std::unordered_map<pid_t, pid_t>& parents,
                 const std::map<pid_t, std::string>& shims) {
  // Bounded: a snapshot taken while ids are reused may hold a ring.
  for (int depth = 0; depth < 1000 && pid > 1; ++depth) {
    if (shims.contains(pid)) return pid;
    const auto parent = parents.find(pid);
    if (parent == parents.end()) return 0;
    pid = parent->second;
  }
  return 0;
}

}  // namespace

std::vector<ListenSocket> parse_listeners(std::string_view table) {
  std::vector<ListenSocket> out;
  // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...
  for (const std::string_view line : util::split(table, '\n')) {
    const std::vector<std::string_view> fields = words(line);
    if (state_in(fields) != kListening) continue;
    const auto colon = fields[1].find(':');
    if (colon == std::string_view::npos) continue;
    const auto address = parse_address(fields[1].substr(0, colon));
    const std::string_view port_text = fields[1].substr(colon + 1);
    std::uint16_t port = 0;
    std::from_chars(port_text.data(), port_text.data() + port_text.size(), port, 16);
    ListenSocket socket;
    std::from_chars(fields[9].data(), fields[9].data() + fields[9].size(), socket.inode);
    if (!address || port == 0) continue;
    socket.local = Endpoint(*address, port);
    out.push_back(socket);
  }
  return out;
}

bool past_the_listeners(std::string_view table) {
  table = table.substr(0, table.rfind('\n'));
  const std::string_view state = state_in(words(table.substr(table.rfind('\n') + 1)));
  return !state.empty() && state != kListening;
}

std::vector<ListenSocket> accepting(const std::vector<ListenSocket>& all, const Endpoint& to) {
  const auto bound_to = [&](auto&& matches) {
    std::vector<ListenSocket> out;
    for (const ListenSocket& socket : all) {
      if (socket.local.port() == to.port() && matches(socket.local.address()))
        out.push_back(socket);
    }
    return out;
  };
  const ip::address wanted = to.address();
  auto found = bound_to([&](const ip::address& address) {
    return address == wanted ||
           (wanted.is_v4() && address.is_v6() && address.to_v6().is_v4_mapped() &&
            ip::make_address_v4(ip::v4_mapped, address.to_v6()) == wanted.to_v4());
  });
  if (!found.empty()) return found;
  found = bound_to([&](const ip::address& address) {
    return address.is_unspecified() && address.is_v4() == wanted.is_v4();
  });
  // The IPv6 wildcard takes IPv4 too, unless it was told not to.
  if (found.empty() && wanted.is_v4()) {
    found = bound_to([](const ip::address& address) { return address.is_unspecified(); });
  }
  return found;
}

std::vector<ListenSocket> proc_listeners() {
  std::vector<ListenSocket> all;
  for (const char* path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    const auto some = parse_listeners(read_file(path, past_the_listeners));
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

std::vector<ListenSocket> listeners(const Endpoint& to) {
  const auto told = diag_listeners(to.port());
  return accepting(told ? *told : proc_listeners(), to);
}

std::optional<Holder> in_the_way(const Endpoint& to) {
  if (!takes_connections(to)) return {};
  Holder holder;
  const auto inodes = inodes_of(listeners(to));
  if (inodes.empty()) return holder;
  each_process([&](const ProcStat& stat) {
    if (holder.pid == 0 && holds_one_of(stat.pid, inodes)) holder.pid = stat.pid;
  });
  if (holder.pid != 0) holder.command = command_line(holder.pid);
  return holder;
}

Ownership classify(const Endpoint& to, pid_t shim, pid_t likely,
                   const std::map<pid_t, std::string>& shims) {
  Ownership result;
  const auto inodes = inodes_of(listeners(to));
  if (inodes.empty()) return result;
  if (holds_one_of(likely, inodes)) {
    result.owner = Owner::ours;
    return result;
  }
  std::unordered_map<pid_t, pid_t> parents;
  each_process([&](const ProcStat& stat) { parents.emplace(stat.pid, stat.parent); });
  for (const auto& [pid, parent] : parents) {
    const pid_t above = shim_above(pid, parents, shims);
    if (above == 0 || !holds_one_of(pid, inodes)) continue;
    if (above == shim) {
      Ownership ours;
      ours.owner = Owner::ours;
      return ours;  // also if others hold it: it was inherited or passed on
    }
    result.owner = Owner::foreign;
    result.model = shims.at(above);
    result.holder = {pid, command_line(pid)};
  }
  return result;
}

std::string command_line(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  std::string line = read_file(directory + "/cmdline");
  if (line.empty()) line = read_file(directory + "/comm");
  while (!line.empty() && (line.back() == '\0' || line.back() == '\n')) line.pop_back();
  std::replace(line.begin(), line.end(), '\0', ' ');
  constexpr std::size_t kLimit = 200;
  if (line.size() > kLimit) line = line.substr(0, kLimit) + "…";
  return line;
}

}  // namespace llama_swap::process
