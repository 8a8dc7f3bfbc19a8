// The running program: everything wired together, from the open port to the last process gone.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/signal_set.hpp>
#include <memory>
#include <string>

#include "app/file_watch.h"
#include "app/flags.h"
#include "app/front.h"
#include "app/monitoring.h"
#include "config/load.h"
#include "monitor/detached_thread.h"
#include "net/body.h"
#include "net/loop.h"
#include "net/timer_wheel.h"
#include "net/tls_context.h"
#include "net/worker.h"
#include "observe/events.h"
#include "observe/log_hub.h"
#include "observe/stdout_writer.h"
#include "process/child_reaper.h"
#include "process/local_launcher.h"
#include "server/server.h"
#include "store/activity_store.h"
#include "swap/swap.h"
#include "trace/exporter.h"
#include "util/result.h"

namespace llama_swap::app {

class Daemon {
 public:
  // `config` has been loaded from `sources`.
  Daemon(Flags flags, config::Sources sources, config::LoadResult config);

  // Opens the port, serves until told to stop, ends everything, the process included. Returns only
  // if it cannot begin: the exit code (runtime 1, 5).
  int run();

 private:
  using Timer =
      boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                        net::Executor>;

  void wait_for_signal();
  void on_signal(int signal);
  util::Result<> open_certificate();
  void reload_certificate();
  std::shared_ptr<store::ActivityStore> make_store(const config::Config& config);
  bool open_store();
  void reload();
  void detect_hardware();
  net::Awaitable<void> run_reloads();
  net::Awaitable<void> load_anew();
  net::Awaitable<util::Result<>> renew_store(const config::Config& next);
  void renew_tracer(const config::Config& config);
  void say_what_changes(const config::Config& next);
  void use(const config::Config& config);
  net::Awaitable<void> shut_down();
  net::Awaitable<bool> drain(util::Time deadline);
  void tidy_up_later();

  const Flags flags_;
  const config::Sources sources_;
  config::ConfigPtr config_;
  std::string warnings_;  // of the configuration at start

  // From here on in the order of dependence: what stands below uses what stands above.
  net::Loop loop_{1};
  net::TimerWheel wheel_{loop_};
  net::Worker worker_{loop_};
  net::BodyMemory body_memory_;
  observe::StdoutWriter stdout_;
  observe::LogHub log_;
  observe::EventBus events_;
  process::ChildReaper reaper_{loop_};
  process::LocalLauncher launcher_;
  std::string hardware_;  // JSON; "" until it has been detected
  std::unique_ptr<monitor::DetachedThread> detection_;
  std::unique_ptr<Monitoring> monitoring_;       // null: it was disabled at start, and stays so
  std::shared_ptr<store::ActivityStore> store_;  // shared with questions on their way
  std::shared_ptr<trace::Exporter> tracer_;      // null: nothing is traced; shared with requests
  std::unique_ptr<swap::Actor> actor_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<net::TlsServerContext> tls_;  // null: plain HTTP
  std::unique_ptr<Front> front_;
  std::unique_ptr<FileWatch> watch_;
  std::unique_ptr<FileWatch> certificate_watch_;

  boost::asio::basic_signal_set<net::Executor> signals_;
  Timer backstop_;
  Timer tidying_;
  bool reloading_ = false;
  bool reload_again_ = false;
  bool shutting_down_ = false;
};

}  // namespace llama_swap::app
