// fake-model: a model server for tests, benchmarks and trying things out. See --help.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "answers.h"
#include "json.h"
#include "process.h"

namespace fake_model {
namespace {

// "localhost" and "" are taken for 127.0.0.1 and all addresses; no resolver is asked.
bool fill_address(const Options& options, sockaddr_storage& storage, socklen_t& size) {
  const std::string host = options.host == "localhost" ? "127.0.0.1"
                           : options.host.empty()      ? "0.0.0.0"
                                                       : options.host;
  const auto port = htons(static_cast<std::uint16_t>(options.port));
  auto& four = reinterpret_cast<sockaddr_in&>(storage);
  auto& six = reinterpret_cast<sockaddr_in6&>(storage);
  if (::inet_pton(AF_INET, host.c_str(), &four.sin_addr) == 1) {
    four.sin_family = AF_INET;
    four.sin_port = port;
    size = sizeof four;
    return true;
  }
  const std::string bare =
      host.starts_with('[') && host.ends_with(']') ? host.substr(1, host.size() - 2) : host;
  if (::inet_pton(AF_INET6, bare.c_str(), &six.sin6_addr) != 1) return false;
  six.sin6_family = AF_INET6;
  six.sin6_port = port;
  size = sizeof six;
  return true;
}

// A listening socket; -1 after saying why there is none.
int open_listener(const Options& options) {
  sockaddr_storage address{};
  socklen_t size = 0;
  if (!fill_address(options, address, size)) {
    std::fprintf(stderr, "fake-model: not a numeric address: %s\n", options.host.c_str());
    return -1;
  }
  const int fd = ::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd, 4096) != 0) {
    std::fprintf(stderr, "fake-model: cannot listen on %s:%d: %s\n", options.host.c_str(),
                 options.port, std::strerror(errno));
    return -1;
  }
  return fd;
}

void serve_connection(Server& server, int fd) {
  const int number = ++server.connections;
  Connection connection(fd, server.freezer);
  for (int answered = 0;;) {
    const auto request = connection.read_request(server.options.idle_close);
    if (!request) return;
    ++server.in_flight;
    const bool keep = answer(server, connection, *request, number);
    --server.in_flight;
    server.in_flight.notify_all();
    if (!keep || ++answered == server.options.close_after) return;
  }
}

int run(const std::vector<std::string>& arguments) {
  const std::vector<std::string> descriptors = open_descriptors();
  const Options options = parse_options(arguments);
  const Recorder recorder(options.record, options.tag);
  ::signal(SIGPIPE, SIG_IGN);
  take_shape(options, recorder);
  block_signals();
  recorder.start(arguments, descriptors);
  Server server(options, recorder);
  start_threads(server);
  prepare(options, recorder);

  const int listener = open_listener(options);
  if (listener < 0) finish(recorder, 98);
  recorder.write("listen", {{"port", json(options.port)}});
  for (;;) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      // Out of descriptors or memory: the clients that wait are served once others have left.
      if (errno != ECONNABORTED && errno != EINTR) ::usleep(10000);
      continue;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::thread(serve_connection, std::ref(server), fd).detach();
  }
}

}  // namespace
}  // namespace fake_model

int main(int argc, char** argv) {
  // A stack has to hold one block of input; the default would reserve 8 MiB for each of a thousand
  // connections.
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, std::size_t{256} * 1024);
  ::pthread_setattr_default_np(&attributes);
  return fake_model::run(std::vector<std::string>(argv + 1, argv + argc));
}
