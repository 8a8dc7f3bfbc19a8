#include "process/launch_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "process/listener.h"
#include "process/proc_fs.h"
#include "util/text.h"

namespace llama_swap::process {

bool Recorder::has(const std::string& event) const {
  return std::any_of(seen.begin(), seen.end(),
                     [&](const std::string& e) { return e.starts_with(event); });
}

std::string Recorder::text() const {
  return util::join(seen, ", ");
}

void Recorder::note(std::string event) {
  seen.push_back(std::move(event));
  if (also) also(seen.back());
}

Scratch::Scratch() {
  std::string name = std::filesystem::temp_directory_path() / "process-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}
Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) std::abort();
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

std::string test_model() {
  return " " TEST_MODEL " ";
}

bool eventually(const std::function<bool()>& condition, milliseconds limit) {
  for (const auto end = util::Clock::now() + limit; util::Clock::now() < end; ::usleep(1000)) {
    if (condition()) return true;
  }
  return condition();
}

std::string contents(const std::string& file) {
  std::ostringstream out;
  out << std::ifstream(file).rdbuf();
  return out.str();
}

std::vector<pid_t> pids_in(const std::string& file) {
  std::ifstream in(file);
  std::vector<pid_t> pids;
  for (pid_t pid; in >> pid;) pids.push_back(pid);
  return pids;
}

bool lives(pid_t pid) {
  ProcStat stat;
  return read_stat(pid, stat) && !stat.dead();
}

void kill_left_overs(const std::string& pid_file) {
  for (const pid_t pid : pids_in(pid_file)) {
    if (lives(pid) && command_line(pid).find(pid_file) != std::string::npos) ::kill(pid, SIGKILL);
  }
}

LaunchTest::LaunchTest()
    : launcher_(loop_, reaper_,
                [this](config::LogLevel, std::string line) { log_.push_back(std::move(line)); }) {}

LaunchTest::~LaunchTest() {
  kill_left_overs(pid_file_);
}

LaunchSpec LaunchTest::spec(const std::string& cmd) const {
  LaunchSpec what;
  what.model = "m";
  what.cmd = cmd;
  what.proxy = "http://127.0.0.1:" + std::to_string(port_);
  what.check_endpoint = "/health";
  return what;
}

void LaunchTest::launch(LaunchSpec what) {
  instance_ = launcher_.launch(std::move(what), events_);
}

void LaunchTest::until(const std::function<bool()>& condition) {
  const auto end = util::Clock::now() + seconds(20);
  while (!condition()) {
    if (util::Clock::now() > end) {
      throw std::runtime_error("waited in vain; events: " + events_.text() +
                               "\nlog: " + util::join(log_, "\n") +
                               "\noutput: " + events_.output.substr(0, 1000));
    }
    loop_.restart();
    loop_.run_one_for(milliseconds(20));
  }
}

void LaunchTest::until_event(const std::string& event) {
  until([&] { return events_.has(event); });
}

bool LaunchTest::logged(const std::string& part) const {
  return std::any_of(log_.begin(), log_.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

bool LaunchTest::all_gone() const {
  const auto pids = pids_in(pid_file_);
  return !pids.empty() && std::none_of(pids.begin(), pids.end(), lives);
}

}  // namespace llama_swap::process
