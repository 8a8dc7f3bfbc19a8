#include "process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "json.h"

namespace fake_model {
namespace {

void write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n <= 0) return;
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

[[noreturn]] void idle_child(const Child& child) {
  if (child.setsid) ::setsid();
  ::signal(SIGTERM, child.polite ? SIG_DFL : SIG_IGN);
  ::signal(SIGINT, child.polite ? SIG_DFL : SIG_IGN);
  if (!child.pipe) {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; ++fd) ::dup2(null, fd);
  }
  for (;;) ::pause();
}

// Numbered lines of 16 bytes each.
void flood(std::uint64_t size) {
  std::string block;
  std::uint64_t number = 0;
  while (size > 0) {
    block.clear();
    while (block.size() < 65536) {
      char line[24];
      block.append(
          line, static_cast<std::size_t>(std::snprintf(line, sizeof line, "%015llu\n",
                                                       static_cast<unsigned long long>(number++))));
    }
    const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(size, block.size()));
    write_all(STDOUT_FILENO, std::string_view(block).substr(0, n));
    size -= n;
  }
}

void talk(Duration pause) {
  for (long long n = 0;; ++n) {
    write_all(STDOUT_FILENO, "talk " + std::to_string(n) + "\n");
    std::this_thread::sleep_for(pause);
  }
}

void take_memory(std::uint64_t size) {
  if (size == 0) return;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory != MAP_FAILED) std::memset(memory, 1, size);
}

sigset_t signals_of_ours() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, number);
  return set;
}

void hang_while_served(Server& server) {
  server.freezer.freeze();
  std::thread([&server] {
    for (int n = server.in_flight; n > 0; n = server.in_flight) server.in_flight.wait(n);
    finish(server.recorder, 0);
  }).detach();
}

void serve_signals(Server& server) {
  const sigset_t set = signals_of_ours();
  for (int count = 0;;) {
    int number = 0;
    if (::sigwait(&set, &number) != 0) continue;
    server.recorder.write(number == SIGTERM ? "term" : number == SIGINT ? "int" : "hup");
    if (number == SIGHUP) continue;
    ++count;
    switch (server.options.on_term) {
      case OnTerm::ignore:
        break;
      case OnTerm::exit:
        finish(server.recorder, 0);
      case OnTerm::hang:
        if (count > 1) finish(server.recorder, 1);
        hang_while_served(server);
        break;
      case OnTerm::delay:
        std::thread([&server] {
          std::this_thread::sleep_for(server.options.term_delay);
          finish(server.recorder, 0);
        }).detach();
        break;
    }
  }
}

}  // namespace

void finish(const Recorder& recorder, int status) {
  recorder.write("exit", {{"status", json(status)}});
  ::_exit(status);
}

void take_shape(const Options& options, const Recorder& recorder) {
  if (options.fork || options.daemon) {
    const pid_t pid = ::fork();
    if (pid > 0) {
      recorder.write("wrapper", {{"child", json(static_cast<long long>(pid))}});
      int status = 0;
      if (!options.daemon) ::waitpid(pid, &status, 0);
      ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    if (options.daemon) ::setsid();
  }
  for (const Child& child : options.children) {
    const pid_t pid = ::fork();
    if (pid == 0) idle_child(child);
    recorder.write("child", {{"child", json(static_cast<long long>(pid))}});
  }
}

void prepare(const Options& options, const Recorder& recorder) {
  if (!options.print.empty()) write_all(STDOUT_FILENO, options.print + "\n");
  if (!options.print_error.empty()) write_all(STDERR_FILENO, options.print_error + "\n");
  if (!options.need_file.empty() && ::access(options.need_file.c_str(), F_OK) != 0)
    finish(recorder, 3);
  take_memory(options.memory);
  flood(options.flood);
  if (options.flood > 0) recorder.write("flooded");
  if (options.talk.count() > 0) std::thread(talk, options.talk).detach();
  std::this_thread::sleep_for(options.bind_delay);
  if (options.fail_start) finish(recorder, *options.fail_start);
}

void block_signals() {
  const sigset_t set = signals_of_ours();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void start_threads(Server& server) {
  std::thread(serve_signals, std::ref(server)).detach();
  if (server.options.exit_after) {
    std::thread([&server] {
      std::this_thread::sleep_until(server.started + *server.options.exit_after);
      finish(server.recorder, server.options.exit_status);
    }).detach();
  }
}

}  // namespace fake_model
