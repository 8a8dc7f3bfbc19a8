#include "process/local_run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstdlib>
#include <exception>

#include "config/command.h"
#include "process/exit_text.h"
#include "process/proc_fs.h"
#include "process/shim_cgroup.h"
#include "util/text.h"

namespace llama_swap::process {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr milliseconds kFailedStartGrace{5000};  // runtime 6.4
constexpr milliseconds kSweepGrace{shim::kSweepGraceMs};
// How much longer than the grace a shim may stay silent before the stop counts as stuck.
constexpr milliseconds kShimSilence{shim::kStuckAfterMs + 3000};

void append_number(std::string& out, std::uint32_t number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void append_list(std::string& out, const std::vector<std::string>& list) {
  append_number(out, static_cast<std::uint32_t>(list.size()));
  for (const std::string& text : list) out.append(text.c_str(), text.size() + 1);
}

std::uint32_t as_millis(milliseconds duration) {
  return static_cast<std::uint32_t>(std::clamp<milliseconds::rep>(duration.count(), 0, UINT32_MAX));
}

std::string in_use_text(std::uint16_t port, const Holder& holder) {
  std::string text = "port " + std::to_string(port) + " is already in use by ";
  if (holder.pid == 0) return text + "a process that cannot be seen from here";
  return text + "process " + std::to_string(holder.pid) + " (" + holder.command + ")";
}

}  // namespace

LocalRun::LocalRun(std::shared_ptr<LocalShared> shared, LaunchSpec spec, InstanceEvents& events)
    : shared_(std::move(shared)),
      spec_(std::move(spec)),
      events_(&events),
      socket_(shared_->loop),
      probe_pause_(shared_->loop),
      stop_watch_(shared_->loop) {}

void LocalRun::begin() {
  asio::post(shared_->loop, [self = shared_from_this()] { self->start(); });
}

void LocalRun::start() {
  if (events_ == nullptr) return;
  if (stop_asked_) {
    fail({util::Errc::cancelled, "aborted"});
    finish();
    return;
  }
  auto started =
      prepare().and_then([this] { return check_port(); }).and_then([this] { return start_shim(); });
  if (started) return;
  fail(started.error());
  finish();
}

util::Result<> LocalRun::prepare() {
  argv_ = config::split_command(spec_.cmd);
  if (argv_.empty()) {
    return util::fail(util::Errc::invalid, "unable to get sanitized command: empty command");
  }
  if (spec_.proxy.empty()) return util::fail(util::Errc::invalid, "upstream proxy missing");
  auto url = net::parse_url(spec_.proxy);
  if (!url)
    return util::fail(util::Errc::invalid,
                      "invalid proxy URL \"" + spec_.proxy + "\": " + url.error().message);
  url_ = std::move(*url);
  // No argument or variable can hold one, and in a frame it would end the string.
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  if (has_nul(spec_.cmd) || has_nul(spec_.cmd_stop) ||
      std::any_of(spec_.env.begin(), spec_.env.end(), has_nul)) {
    return start_failure("NUL byte in cmd, cmdStop or env");
  }
  return {};
}

tl::unexpected<util::Error> LocalRun::start_failure(const std::string& reason) const {
  return util::fail(util::Errc::io,
                    "failed to start command '" + util::join(argv_, " ") + "': " + reason);
}

bool LocalRun::checks_local_port() const {
  return has_health_check() && spec_.owns_port && !local_endpoints().empty();
}

// Where our server would listen, if that is this machine's loopback.
std::vector<Endpoint> LocalRun::local_endpoints() const {
  if (util::iequals(url_->host, "localhost")) {
    return {{asio::ip::address_v4::loopback(), url_->port},
            {asio::ip::address_v6::loopback(), url_->port}};
  }
  boost::system::error_code not_an_address;
  const auto address = asio::ip::make_address(url_->host, not_an_address);
  if (not_an_address || !address.is_loopback()) return {};
  return {{address, url_->port}};
}

util::Result<> LocalRun::check_port() const {
  if (!checks_local_port()) return {};
  for (const Endpoint& endpoint : local_endpoints()) {
    if (const auto holder = in_the_way(endpoint)) {
      return util::fail(util::Errc::conflict, in_use_text(endpoint.port(), *holder));
    }
  }
  return {};
}

util::Result<> LocalRun::start_shim() {
  log(config::LogLevel::debug, "Executing start command: " + util::join(argv_, " ") +
                                   ", env: " + util::join(spec_.env, ", "));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return start_failure(util::lower(std::generic_category().message(errno)));
  }
  const auto pid = spawn(ends[1]);
  ::close(ends[1]);
  if (!pid) {
    ::close(ends[0]);
    return start_failure(pid.error().message);
  }
  socket_.assign(asio::local::stream_protocol(), ends[0]);
  shim_.pid = *pid;
  ProcStat stat;
  if (read_stat(*pid, stat)) shim_.start = stat.start;
  shared_->shims[*pid] = spec_.model;
  shared_->reaper.own(*pid, [self = shared_from_this()](int status) { self->shim_ended(status); });
  send(shim::Type::launch, launch_payload());
  spawned_at_ = util::Clock::now();
  net::spawn(shared_->loop, converse(shared_from_this()));
  // The shim may hang in the exec (a dead network file system).
  probe_pause_.expires_after(spec_.health_check_timeout);
  probe_pause_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error && self->leader_ == 0) self->time_out();
  });
  return {};
}

util::Result<pid_t> LocalRun::spawn(int socket) {
  std::optional<ShimImage>& image = shared_->image;
  if (!image) {
    if (auto in_memory = ShimImage::in_memory()) {
      auto pid = spawn_shim(*in_memory, socket, spec_.model);
      if (pid) image = std::move(*in_memory);
      if (pid) return pid;
    }
    // A policy may forbid to execute memory files.
    auto on_disk = ShimImage::in_temporary_file();
    if (!on_disk) return tl::unexpected(on_disk.error());
    image = std::move(*on_disk);
  }
  return spawn_shim(*image, socket, spec_.model);
}

std::string LocalRun::launch_payload() const {
  const char* path = std::getenv("PATH");
  // The id is not known yet, but the shim must be able to stop without us.
  const std::string marked =
      util::replace_all(spec_.cmd_stop, "${PID}", std::string(1, shim::kPidMark));
  std::string payload;
  append_number(payload, shim::kVersion);
  append_number(payload, as_millis(spec_.orphan_grace));
  append_number(payload, spec_.stop_scope == config::StopScope::group ? shim::kGroupOnly : 0);
  append_list(payload, argv_);
  append_list(payload, config::split_command(marked));
  append_list(payload, merged_environment(spec_.env));
  payload.append(path != nullptr ? path : "").push_back('\0');
  return payload;
}

void LocalRun::stop(milliseconds grace) {
  switch (phase_) {
    case Phase::starting:
      // Not from inside the owner's call; and what it is by then, a start or a ready instance, it
      // is to end.
      stop_asked_ = true;
      asio::post(shared_->loop, [self = shared_from_this(), grace] { self->stop_now(grace); });
      break;
    case Phase::ready:
    case Phase::ending:
      stop_now(grace);
      break;
    case Phase::gone:
      break;
  }
}

void LocalRun::stop_now(milliseconds grace) {
  if (phase_ == Phase::gone) return;
  if (phase_ == Phase::starting) {
    fail({util::Errc::cancelled, "aborted"});
    grace = std::min(grace, kFailedStartGrace);
  }
  end(shim::Type::stop, grace);
}

void LocalRun::abandon() {
  events_ = nullptr;
  if (probe_) probe_->cancel();
  probe_pause_.cancel();
  stop_watch_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (phase_ == Phase::starting || phase_ == Phase::ready) phase_ = Phase::ending;
}

void LocalRun::fail(util::Error why) {
  if (phase_ != Phase::starting) return;
  phase_ = Phase::ending;
  if (probe_) probe_->cancel();
  probe_pause_.cancel();
  if (events_ != nullptr) events_->on_failed(why);
}

void LocalRun::crashed() {
  if (phase_ != Phase::ready) return;
  phase_ = Phase::ending;
  log(config::LogLevel::warn, "upstream process exited unexpectedly: " + leader_status_);
  if (events_ != nullptr) events_->on_exited(leader_status_);
  end(shim::Type::sweep, kSweepGrace);
}

void LocalRun::end(shim::Type how, milliseconds grace) {
  if (phase_ == Phase::gone) return;
  phase_ = Phase::ending;
  std::string payload;
  append_number(payload, as_millis(grace));
  send(how, std::move(payload));
  // The shim reports what is stuck. If it is itself stopped or stuck, it cannot.
  const util::Time silent_until = util::Clock::now() + grace + kShimSilence;
  if (stop_watch_runs_ && stop_watch_.expiry() <= silent_until) return;
  stop_watch_runs_ = true;
  stop_watch_.expires_at(silent_until);
  stop_watch_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (!error && self->phase_ == Phase::ending) self->stuck("its shim does not answer");
  });
}

void LocalRun::stuck(const std::string& detail) {
  if (std::exchange(stuck_told_, true)) return;
  log(config::LogLevel::error, "does not end although it was killed: " + detail);
  if (events_ != nullptr) events_->on_stuck();
}

void LocalRun::shim_ended(int status) {
  shared_->shims.erase(shim_.pid);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    shim_left_ = true;
    if (spec_.stop_scope == config::StopScope::group) spare_strangers();
    finish_if_over();
    return;
  }
  log(config::LogLevel::error, "shim ended: " + exit_text(status) + "; killing what it left");
  net::spawn(shared_->loop, sweep(shared_from_this()));
}

// In place of a shim that was killed. Its command died with it (parent-death signal); the
// descendants are ours now.
net::Awaitable<void> LocalRun::sweep(std::shared_ptr<LocalRun> self) {
  const auto owned = [&run = *self](pid_t pid) { return run.is_spared(pid); };
  const auto stuck_at = util::Clock::now() + milliseconds(shim::kStuckAfterMs);
  shim::Cgroup cgroup;
  cgroup.open(self->shim_.pid);
  cgroup.kill();
  std::set<pid_t> dead = {self->leader_};
  Timer pause(self->shared_->loop);
  for (;;) {
    const std::vector<ProcStat> left = remains(self->shim_, owned);
    if (left.empty()) break;
    for (const ProcStat& process : left) {
      signal_process(process, SIGKILL);
      dead.insert(process.pid);
    }
    const bool late = util::Clock::now() >= stuck_at;
    if (late) self->stuck("process " + std::to_string(left.front().pid));
    pause.expires_after(milliseconds(late ? 500 : 10));
    co_await pause.async_wait(net::use_awaitable);
  }
  for (const pid_t pid : dead) {
    if (pid > 0) ::waitpid(pid, nullptr, WNOHANG);
  }
  for (int tries = 0; !cgroup.remove() && tries < 20; ++tries) {
    pause.expires_after(milliseconds(5));
    co_await pause.async_wait(net::use_awaitable);
  }
  self->fail({util::Errc::closed, "upstream command exited prematurely"});
  self->crashed();
  self->finish();
}

bool LocalRun::is_spared(pid_t pid) const {
  if (shared_->reaper.owns(pid)) return true;
  ProcStat stat;
  return read_stat(pid, stat) && shared_->left_alone.contains({pid, stat.start});
}

// What left the group of a model with scope `group` lives on as a child of ours.
void LocalRun::spare_strangers() {
  const pid_t self = ::getpid();
  each_process([&](const ProcStat& stat) {
    if (stat.parent == self && !stat.dead() && stat.start >= shim_.start &&
        !shared_->reaper.owns(stat.pid)) {
      shared_->left_alone.insert({stat.pid, stat.start});
    }
  });
}

// All that was said has been heard, and either that was the end or nothing more can come.
void LocalRun::finish_if_over() {
  if (!conversation_over_ || !(tree_gone_ || shim_left_)) return;
  fail({util::Errc::closed, "upstream command exited prematurely"});
  crashed();
  finish();
}

void LocalRun::finish() {
  if (phase_ == Phase::gone) return;
  phase_ = Phase::gone;
  stop_watch_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (events_ != nullptr) events_->on_gone();
}

void LocalRun::log(config::LogLevel level, std::string_view text) const {
  shared_->log(level, "<" + spec_.model + "> " + std::string(text));
}

}  // namespace llama_swap::process
