// A model server for the tests of this folder, which can misbehave. Plain C++ without threads, so
// that it starts at once.
//
//   --pids FILE      every process of it writes its id there, a line each
//   --helper KIND    first starts a helper that lives on without end: plain, group (own process
//   group),
//                    session (own session), deaf (own session, ignores SIGTERM)
//   --daemonise      goes on in a double-forked process in a session of its own; the first one
//   exits with 0
//   --ignore-term    ignores SIGTERM
//   --await FILE     goes on when the file exists
//   --port N         listens on 127.0.0.1:N and answers every request with --status S (default
//   200), or never: --mute
//   --flood BYTES    writes so much to stdout first, then the line "flooded"
//   --touch FILE     creates the file
//   --exit S         exits
// The order counts: they are done from left to right, and in the end it sleeps for ever.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

std::string pid_file;

void note_pid() {
  if (pid_file.empty()) return;
  const int fd = ::open(pid_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const std::string line = std::to_string(::getpid()) + "\n";
  if (::write(fd, line.data(), line.size()) < 0) std::abort();
  ::close(fd);
}

[[noreturn]] void sleep_for_ever() {
  for (;;) ::pause();
}

void start_helper(const std::string& kind) {
  int ready[2];
  if (::pipe2(ready, O_CLOEXEC) != 0) std::abort();
  if (::fork() == 0) {
    if (kind == "group") ::setpgid(0, 0);
    if (kind == "session" || kind == "deaf") ::setsid();
    if (kind == "deaf") ::signal(SIGTERM, SIG_IGN);
    note_pid();
    ::close(ready[0]);
    ::close(ready[1]);
    sleep_for_ever();
  }
  // Until it has become what it is to be.
  ::close(ready[1]);
  char none;
  while (::read(ready[0], &none, 1) > 0) {
  }
  ::close(ready[0]);
}

void daemonise() {
  if (::fork() != 0) ::_exit(0);
  ::setsid();
  if (::fork() != 0) ::_exit(0);
  note_pid();
}

void await(const char* file) {
  while (::access(file, F_OK) != 0) ::usleep(1000);
}

void flood(long bytes) {
  const std::string line(99, 'x');
  for (long done = 0; done < bytes; done += 100) std::puts(line.c_str());
  std::puts("flooded");
  std::fflush(stdout);
}

[[noreturn]] void serve(int port, const std::string& status, bool mute) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) ::_exit(98);
  ::listen(listener, 16);
  for (;;) {
    const int client = ::accept(listener, nullptr, nullptr);
    if (mute) continue;
    char request[4096];
    const ssize_t size = ::read(client, request, sizeof request);
    std::printf(
        "%.*s\n",
        static_cast<int>(std::find(request, request + std::max<ssize_t>(size, 0), '\r') - request),
        request);
    std::fflush(stdout);
    const std::string answer =
        "HTTP/1.1 " + status + " Some\r\nLocation: /elsewhere\r\nContent-Length: 2\r\n\r\nok";
    if (::write(client, answer.data(), answer.size()) < 0) ::_exit(97);
    ::close(client);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string status = "200";
  bool mute = false;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
    if (flag == "--pids") {
      pid_file = value();
      note_pid();
    } else if (flag == "--helper") {
      start_helper(value());
    } else if (flag == "--daemonise") {
      daemonise();
    } else if (flag == "--ignore-term") {
      ::signal(SIGTERM, SIG_IGN);
    } else if (flag == "--await") {
      await(value());
    } else if (flag == "--status") {
      status = value();
    } else if (flag == "--mute") {
      mute = true;
    } else if (flag == "--flood") {
      flood(std::atol(value()));
    } else if (flag == "--touch") {
      ::close(::open(value(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    } else if (flag == "--exit") {
      ::_exit(std::atoi(value()));
    } else if (flag == "--port") {
      serve(std::atoi(value()), status, mute);
    } else {
      std::fprintf(stderr, "unknown flag %s\n", flag.c_str());
      return 2;
    }
  }
  sleep_for_ever();
}
