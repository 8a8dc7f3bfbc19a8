// One instance of the local launcher, from start to gone. Kept alive by what it waits for; its
// owner holds a handle (local_launcher.cc) and can leave at any time.
//
//   starting -> ready -> ending -> gone        ready may be missing
//
// The shim knows processes, this side knows what they mean: whether a start has succeeded or
// failed, and whether the end of the command is the end of the instance.
#pragma once

#include <array>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/loop.h"
#include "net/timer_wheel.h"
#include "net/url.h"
#include "process/child_reaper.h"
#include "process/launcher.h"
#include "process/listener.h"
#include "process/local_launcher.h"
#include "process/probe.h"
#include "process/remains.h"
#include "process/shim_protocol.h"
#include "process/spawn.h"
#include "util/time.h"

namespace llama_swap::process {

// What the instances of one launcher have in common.
struct LocalShared {
  net::Loop& loop;
  ChildReaper& reaper;
  LocalLauncher::Log log;
  std::optional<ShimImage> image;      // opened at the first start
  std::map<pid_t, std::string> shims;  // live ones, and whose model
  std::set<std::pair<pid_t, std::uint64_t>>
      left_alone;  // (pid, start): outlived a stop of scope group, on purpose
  bool weakness_logged = false;
  net::TimerWheel wheel{loop};
};

class LocalRun : public std::enable_shared_from_this<LocalRun> {
 public:
  LocalRun(std::shared_ptr<LocalShared> shared, LaunchSpec spec, InstanceEvents& events);

  void begin();
  void stop(std::chrono::milliseconds grace);
  // No more events; the end of the conversation makes the shim run the stop recipe.
  void abandon();
  pid_t pid() const { return phase_ == Phase::gone ? 0 : leader_; }
  pid_t shim_pid() const { return phase_ == Phase::gone ? 0 : shim_.pid; }

 private:
  enum class Phase { starting, ready, ending, gone };
  using Socket =
      boost::asio::basic_stream_socket<boost::asio::local::stream_protocol, net::Executor>;
  using Timer =
      boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                        net::Executor>;

  // Start.
  void start();
  util::Result<> prepare();
  tl::unexpected<util::Error> start_failure(const std::string& reason) const;
  util::Result<> check_port() const;
  util::Result<> start_shim();
  util::Result<pid_t> spawn(int socket);
  bool checks_local_port() const;
  std::string launch_payload() const;
  bool has_health_check() const { return spec_.check_endpoint != "none"; }
  std::vector<Endpoint> local_endpoints() const;

  // Readiness.
  void begin_probing();
  static net::Awaitable<void> wait_until_ready(std::shared_ptr<LocalRun> self);
  net::Awaitable<void> pause(Pace pace, util::Time deadline);
  void time_out();
  void settle(const Endpoint& answered);
  void become_ready();
  void wake_probe();
  bool tree_listens() const;

  // The conversation with the shim.
  static net::Awaitable<void> converse(std::shared_ptr<LocalRun> self);
  void take_frames();
  void handle(shim::Type type, std::string_view payload);
  void on_hello(shim::Reader& reader);
  void on_started(pid_t pid);
  void on_spawn_failed(shim::Reader& reader);
  void on_output(std::string_view data);
  void on_leader_exited(int status, std::uint32_t survivors);
  void on_child_exited();
  void on_tree_gone();
  void on_stop_command(shim::Reader& reader);
  void on_stuck(shim::Reader& reader);
  void send(shim::Type type, std::string payload);
  void write_next();

  // The end.
  void stop_now(std::chrono::milliseconds grace);
  // Of a start. What is left is then to be stopped or swept.
  void fail(util::Error why);
  void crashed();
  void end(shim::Type how, std::chrono::milliseconds grace);
  void stuck(const std::string& detail);
  void shim_ended(int status);
  static net::Awaitable<void> sweep(std::shared_ptr<LocalRun> self);
  bool is_spared(pid_t pid) const;
  void spare_strangers();
  void finish_if_over();
  void finish();

  void log(config::LogLevel level, std::string_view text) const;

  const std::shared_ptr<LocalShared> shared_;
  const LaunchSpec spec_;
  InstanceEvents* events_;  // null: abandoned
  Phase phase_ = Phase::starting;
  bool stop_asked_ = false;  // before there was anything to stop

  // Constant after prepare().
  std::vector<std::string> argv_;
  std::optional<net::Url> url_;

  DeadShim shim_;  // what to look for if it dies; pid 0: none started
  pid_t leader_ = 0;
  bool leader_dead_ = false;
  std::string leader_status_ = "unknown status";
  bool conversation_over_ = false;
  bool shim_left_ = false;  // by itself, not killed
  bool tree_gone_ = false;
  bool stuck_told_ = false;

  Socket socket_;
  std::array<char, 64 << 10> buffer_;
  std::string received_;  // an incomplete frame
  std::string sending_, to_send_;

  std::optional<Probe> probe_;
  std::string probe_error_;  // why the last question that failed could not be asked
  Timer probe_pause_;
  util::Time spawned_at_;
  util::Time quiet_until_;  // output until then is the echo of a health check
  bool woken_ = false;
  Timer stop_watch_;
  bool stop_watch_runs_ = false;
};

}  // namespace llama_swap::process
