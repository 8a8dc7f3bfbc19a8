#include "monitor/lact.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "monitor/line_reader.h"
#include "util/text.h"

namespace llama_swap::monitor {
namespace {

using util::Errc;
using Json = nlohmann::json;

constexpr std::chrono::seconds kConnectTimeout{2};
constexpr std::chrono::seconds kDialogueTimeout{5};
constexpr double kBytesPerMib = 1 << 20;

// A member of a member ...; null where one is missing.
Json at(const Json& value, std::initializer_list<const char*> path) {
  const Json* found = &value;
  for (const char* key : path) {
    if (!found->is_object()) return nullptr;
    const auto member = found->find(key);
    if (member == found->end()) return nullptr;
    found = &*member;
  }
  return *found;
}

double number(const Json& value, std::initializer_list<const char*> path) {
  const Json found = at(value, path);
  return found.is_number() ? found.get<double>() : 0;
}

std::string text(const Json& value, const char* key) {
  const Json found = at(value, {key});
  return found.is_string() ? found.get<std::string>() : "";
}

util::Result<Json> data_of(std::string_view line) {
  const Json answer = Json::parse(line, nullptr, false);
  if (text(answer, "status") != "ok")
    return util::fail(Errc::invalid, "LACT answered " + std::string(line.substr(0, 200)));
  return at(answer, {"data"});
}

// The first of these sensors that says something above zero.
double temperature(const Json& stats, std::initializer_list<const char*> sensors) {
  for (const char* sensor : sensors)
    if (const double current = number(stats, {"temps", sensor, "current"}); current > 0)
      return current;
  return 0;
}

double any_temperature(const Json& stats) {
  for (const Json& sensor : at(stats, {"temps"}))
    if (const double current = number(sensor, {"current"}); current > 0) return current;
  return 0;
}

class Socket {
 public:
  static util::Result<Socket> connect(const std::string& path, const StopSignal& stop) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
      return util::fail(Errc::invalid, path + ": too long for a socket");
    std::memcpy(address.sun_path, path.data(), path.size());
    Socket out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (out.fd_ < 0) return util::fail_errno(errno, "socket");
    const util::Time deadline = util::Clock::now() + kConnectTimeout;
    // A local socket whose listener is too busy says so at once; there is nothing to poll for.
    while (::connect(out.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      if (errno != EAGAIN && errno != EINTR) return util::fail_errno(errno, path);
      if (util::Clock::now() >= deadline) return util::fail(Errc::timed_out, path + ": busy");
      if (!stop.sleep_until(util::Clock::now() + std::chrono::milliseconds(50)))
        return util::fail(Errc::cancelled, "stopped");
    }
    return out;
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  explicit Socket(int fd) : fd_(fd) {}
  int fd_;
};

util::Result<std::string> ask(const Socket& socket, LineReader& reader, const Json& request,
                              util::Time deadline) {
  const std::string line = request.dump() + "\n";
  // Requests are shorter than the buffer of a socket.
  if (::send(socket.fd(), line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size()))
    return util::fail_errno(errno, "LACT");
  return reader.next(deadline);
}

}  // namespace

util::Result<std::vector<LactDevice>> parse_lact_devices(std::string_view line) {
  const auto data = data_of(line);
  if (!data) return tl::unexpected(data.error());
  std::vector<LactDevice> out;
  for (const Json& device : *data) out.push_back({text(device, "id"), text(device, "name")});
  return out;
}

util::Result<std::optional<observe::GpuSample>> parse_lact_stats(std::string_view line) {
  const auto data = data_of(line);
  if (!data) return tl::unexpected(data.error());
  const Json& stats = *data;
  const double vram = number(stats, {"vram", "total"});
  if (vram <= 0) return std::nullopt;
  observe::GpuSample out;
  out.memory_total_mib = static_cast<std::int64_t>(vram / kBytesPerMib);
  out.memory_used_mib = static_cast<std::int64_t>(number(stats, {"vram", "used"}) / kBytesPerMib);
  out.fan_percent = std::round(number(stats, {"fan", "pwm_current"}) / 255 * 1000) / 10;
  const double average = number(stats, {"power", "average"});
  out.power_w = average > 0 ? average : number(stats, {"power", "current"});
  const double core = temperature(stats, {"edge", "junction"});
  out.temperature_c = static_cast<int>(std::lround(core > 0 ? core : any_temperature(stats)));
  out.vram_temperature_c = static_cast<int>(std::lround(temperature(stats, {"mem", "VRAM"})));
  out.busy_percent = number(stats, {"busy_percent"});
  return out;
}

std::string lact_socket() {
  std::vector<std::string> places;
  if (const char* path = std::getenv("LACT_DAEMON_SOCKET_PATH")) places.push_back(path);
  places.push_back("/run/lactd.sock");
  places.push_back("/run/user/" + std::to_string(::getuid()) + "/lactd.sock");
  for (const std::string& place : places) {
    struct stat info {};
    if (::stat(place.c_str(), &info) == 0) return place;
  }
  return "";
}

util::Result<std::vector<observe::GpuSample>> ask_lact(const std::string& path,
                                                       const StopSignal& stop) {
  auto socket = Socket::connect(path, stop);
  if (!socket) return tl::unexpected(socket.error());
  const util::Time deadline = util::Clock::now() + kDialogueTimeout;
  LineReader reader(stop, socket->fd());
  const auto list = ask(*socket, reader, Json{{"command", "list_devices"}}, deadline);
  if (!list) return tl::unexpected(list.error());
  const auto devices = parse_lact_devices(*list);
  if (!devices) return tl::unexpected(devices.error());

  std::vector<observe::GpuSample> out;
  for (std::size_t i = 0; i < devices->size(); ++i) {
    const LactDevice& device = (*devices)[i];
    const auto line =
        ask(*socket, reader, Json{{"command", "device_stats"}, {"args", {{"id", device.id}}}},
            deadline);
    if (!line) return tl::unexpected(line.error());
    auto sample = parse_lact_stats(*line);
    if (!sample) return tl::unexpected(sample.error());
    if (!*sample) continue;
    (*sample)->id = static_cast<int>(i);
    (*sample)->name = device.name.empty() ? device.id : device.name;
    (*sample)->uuid = device.id;
    out.push_back(std::move(**sample));
  }
  return out;
}

}  // namespace llama_swap::monitor
