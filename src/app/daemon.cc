#include "app/daemon.h"

#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdlib>

#include "app/early_message.h"
#include "app/version.h"
#include "config/diff.h"
#include "monitor/hardware.h"
#include "observe/journal.h"
#include "util/text.h"

namespace llama_swap::app {
namespace {

namespace asio = boost::asio;
using config::LogLevel;

constexpr std::chrono::seconds kShutdownBudget{30};
constexpr std::chrono::seconds kStopShare{
    5};  // of the budget, kept for stopping models after long requests
constexpr std::chrono::seconds kBackstop{35};
constexpr std::chrono::seconds kTidyPeriod{30};
// What a client may choose from when it connects with TLS, the preferred one first.
const std::vector<std::string> kProtocols{"h2", "http/1.1"};
constexpr std::chrono::seconds kStoreClose{3};   // for what is not written to the activity database
constexpr std::chrono::seconds kTracerClose{2};  // for spans that are not delivered
constexpr std::chrono::seconds kLastWords{1};    // for connections that have been cut to end

// Two descriptors a stream add up.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// A file is never pruned (http-api 22).
store::Retention retention_of(const config::Config& config) {
  store::Retention out;
  if (!config.store_path) out.max_rows = config.metrics_max_in_memory;
  return out;
}

net::Awaitable<void> open(store::ActivityStore& store, util::Result<>& opened, bool& done) {
  opened = co_await store.start();
  done = true;
}

net::Awaitable<void> close(std::shared_ptr<store::ActivityStore> store) {
  co_await store->close(kStoreClose);
}

}  // namespace

Daemon::Daemon(Flags flags, config::Sources sources, config::LoadResult config)
    : flags_(std::move(flags)),
      sources_(std::move(sources)),
      config_(std::move(config.config)),
      warnings_(config.text(config::Severity::warning)),
      body_memory_(config_->body_memory),
      stdout_(STDOUT_FILENO),
      log_(config_->log_to_stdout, &stdout_),
      launcher_(loop_, reaper_,
                [this](LogLevel level, std::string text) { log_.log(level, text); }),
      signals_(loop_),
      backstop_(loop_),
      tidying_(loop_) {
  if (observe::is_journal(STDOUT_FILENO)) log_.give_priorities();
  use(*config_);
  swap::Actor::Hooks hooks;
  hooks.log = [this](LogLevel level, const std::string& model, const std::string& text) {
    log_.log(level, text, {.model = model});
  };
  hooks.output = [this](const std::string& model, std::string_view data) {
    log_.model_output(model, data);
  };
  hooks.news = [this](const swap::News& news) {
    const auto* const change = std::get_if<swap::StateChange>(&news);
    if (change && change->now == swap::State::stopped) log_.model_output_ended(change->model);
    server_->tell(news);
  };
  hooks.queue_changed = [this] { server_->queue_changed(); };
  actor_ = std::make_unique<swap::Actor>(loop_, wheel_, launcher_, config_, std::move(hooks));
  server::Deps deps{loop_, wheel_, body_memory_, worker_, *actor_, log_, events_, {}};
  if (!config_->performance_disabled) {
    monitoring_ = std::make_unique<Monitoring>(loop_, worker_, log_, [this] {
      std::vector<monitor::ProcessTree> trees;
      for (const swap::InstanceStatus& instance : actor_->instances())
        trees.push_back({instance.instance, instance.tree_root});
      return trees;
    });
    deps.performance = &monitoring_->performance();
    deps.memory = &monitoring_->memory();
  }
  deps.hardware = &hardware_;
  deps.connections = [this] { return front_->connections(); };
  deps.version = {std::string(kVersion), std::string(kCommit), std::string(kBuildDate)};
  server_ = std::make_unique<server::Server>(deps, config_);
  renew_tracer(*config_);
}

int Daemon::run() {
  // What cannot be written is an error where it was to be written, and no end of the daemon.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  raise_descriptor_limit();
  if (!open_store()) return 1;
  if (const auto opened = open_certificate(); !opened) {
    early_error("http server error", opened.error().message);
    return 1;
  }
  front_ = std::make_unique<Front>(loop_, wheel_, *server_, log_, tls_.get());
  if (const auto opened = front_->open(flags_, *config_, take_inherited_sockets()); !opened) {
    early_error("http server error", opened.error().message);
    return 1;
  }
  for (const int signal : {SIGHUP, SIGINT, SIGTERM}) signals_.add(signal);
  wait_for_signal();
  if (!warnings_.empty()) log_.log(LogLevel::warn, warnings_);
  if (!reaper_.is_subreaper())
    log_.log(LogLevel::warn,
             "this system has no sub-reapers: processes that leave their group may survive");
  log_.debug("PID: {}", ::getpid());
  if (flags_.watch_config) {
    watch_ = std::make_unique<FileWatch>(loop_, sources_, [this] { reload(); });
    log_.info("watching configuration for changes");
  }
  front_->start();
  detect_hardware();
  if (monitoring_) monitoring_->use(*config_);
  net::spawn(loop_, actor_->preload(config_->preload));
  tidy_up_later();
  loop_.run();
  worker_.join();
  detection_->stop();
  detection_->wait(kLastWords);
  if (monitoring_) monitoring_->wait();
  stdout_.flush(std::chrono::seconds(1));
  // All is said and done. To destroy what is left would only invite trouble: requests may still be
  // waiting (for a lookup of a name, say, which cannot be cancelled), and their coroutines, which
  // the loop would destroy last, refer to what is gone by then.
  std::_Exit(0);
}

void Daemon::detect_hardware() {
  // The hardware does not change, and neither does this program.
  auto work = [this](const monitor::StopSignal& stop,
                     const monitor::DetachedThread::Report& report) {
    auto found = monitor::detect_hardware(stop);
    std::string json = found ? monitor::hardware_json(*found, kVersion) : "";
    report([&] {
      asio::post(loop_, [this, found = std::move(found), json = std::move(json)]() mutable {
        hardware_ = std::move(json);
        if (!found) log_.warn("hardware detection failed: {}", found.error().message);
      });
    });
  };
  detection_ = std::make_unique<monitor::DetachedThread>(std::move(work));
}

std::shared_ptr<store::ActivityStore> Daemon::make_store(const config::Config& config) {
  store::StoreOptions options;
  options.path = config.store_path.value_or("");
  options.retention = retention_of(config);
  options.log = [this](LogLevel level, std::string_view text) {
    log_.log(level, std::string(text));
  };
  options.stored = [this](std::span<const store::Activity> rows) {
    server_->activity_stored(rows);
  };
  return std::make_shared<store::ActivityStore>(loop_, std::move(options));
}

// Nothing else runs on the loop yet.
bool Daemon::open_store() {
  store_ = make_store(*config_);
  util::Result<> opened;
  bool done = false;
  net::spawn(loop_, open(*store_, opened, done));
  while (!done && loop_.run_one() > 0) {
  }
  loop_.restart();
  if (!opened) early_error("failed to create store", opened.error().message);
  server_->use_activity(store_);
  return opened.has_value();
}

// Gives memory back to the system when nobody has needed it for a while.
void Daemon::tidy_up_later() {
  tidying_.expires_after(kTidyPeriod);
  tidying_.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;
    if (body_memory_.used() == 0) body_memory_.trim();
    tidy_up_later();
  });
}

void Daemon::use(const config::Config& config) {
  log_.set_level(config.log_level);
  log_.set_format(config.log_format);
  log_.set_time_format(config.log_time_format);
  body_memory_.set_limit(config.body_memory);
}

void Daemon::wait_for_signal() {
  signals_.async_wait([this](const boost::system::error_code& ec, int signal) {
    if (ec) return;
    on_signal(signal);
    wait_for_signal();
  });
}

void Daemon::on_signal(int signal) {
  if (signal == SIGHUP) {
    reload_certificate();
    return reload();
  }
  log_.info("received signal {}{}", signal == SIGINT ? "interrupt" : "terminated",
            shutting_down_ ? " again, stopping at once" : ", shutting down");
  if (shutting_down_) {
    // Asked twice: no more waiting for clients, models are killed at once, but still reaped.
    front_->cut_all();
    actor_->hurry();
    return;
  }
  shutting_down_ = true;
  if (watch_) watch_->stop();
  if (certificate_watch_) certificate_watch_->stop();
  backstop_.expires_after(kBackstop);
  backstop_.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;
    log_.log(LogLevel::warn, "graceful shutdown exceeded 30s, forcing exit");
    stdout_.flush(std::chrono::seconds(1));
    // The shims see the end of the daemon and stop what is left.
    std::_Exit(1);
  });
  net::spawn(loop_, shut_down());
}

util::Result<> Daemon::open_certificate() {
  if (flags_.tls_cert_file.empty()) return {};
  auto opened = net::TlsServerContext::open(flags_.tls_cert_file, flags_.tls_key_file, kProtocols);
  if (!opened) return tl::unexpected(opened.error());
  tls_ = std::move(*opened);
  server_->use_host_names(tls_->names());
  const std::vector<std::filesystem::path> files{flags_.tls_cert_file, flags_.tls_key_file};
  certificate_watch_ = std::make_unique<FileWatch>(
      loop_, [files] { return files; }, files, [this] { reload_certificate(); });
  return {};
}

// Running connections keep the certificate that they began with.
void Daemon::reload_certificate() {
  if (!tls_ || shutting_down_) return;
  if (const auto loaded = tls_->reload(); !loaded) {
    log_.warn("the TLS certificate stays as it is: {}", loaded.error().message);
    return;
  }
  server_->use_host_names(tls_->names());
  log_.info("TLS certificate loaded, for {}", util::join(tls_->names(), ", "));
}

void Daemon::reload() {
  if (shutting_down_) return;
  if (reloading_) {
    reload_again_ = true;
    return;
  }
  net::spawn(loop_, run_reloads());
}

// A trigger that comes meanwhile leads to one more.
net::Awaitable<void> Daemon::run_reloads() {
  reloading_ = true;
  do {
    reload_again_ = false;
    co_await load_anew();
  } while (reload_again_ && !shutting_down_);
  reloading_ = false;
}

net::Awaitable<void> Daemon::load_anew() {
  log_.log(LogLevel::info, "reloading configuration");
  auto loaded = config::load(sources_, config::process_environment());
  if (!loaded.config) {
    const std::string problems = loaded.text(config::Severity::error);
    log_.warn("failed to reload config: {}", problems);
    server_->reload_refused(problems);
    co_return;
  }
  const std::string warnings = loaded.text(config::Severity::warning);
  if (!warnings.empty()) log_.log(LogLevel::warn, warnings);
  const auto renewed = co_await renew_store(*loaded.config);
  if (!renewed) {
    log_.warn("failed to create new store during reload: {}", renewed.error().message);
    server_->reload_refused("store: " + renewed.error().message);
    co_return;
  }
  if (shutting_down_) co_return;
  say_what_changes(*loaded.config);
  config_ = std::move(loaded.config);
  use(*config_);
  front_->reconfigure(*config_);
  if (monitoring_) monitoring_->use(*config_);
  actor_->reconfigure(config_);
  server_->reconfigure(config_);
  renew_tracer(*config_);
  log_.keep_models_of(*config_);
  log_.log(LogLevel::info, "configuration reloaded");
  net::spawn(loop_, actor_->preload(config_->preload));
}

// The activity database stays, unless it shall be another file.
net::Awaitable<util::Result<>> Daemon::renew_store(const config::Config& next) {
  if (next.store_path == config_->store_path) {
    store_->set_retention(retention_of(next));
    co_return util::Result<>();
  }
  const auto fresh = make_store(next);
  auto opened = co_await fresh->start();
  const bool used = opened && !shutting_down_;
  net::spawn(loop_, close(used ? std::exchange(store_, fresh) : fresh));
  if (used) server_->use_activity(store_);
  co_return opened;
}

// Requests that run keep the one they began with; what ends after it is not told.
void Daemon::renew_tracer(const config::Config& config) {
  const bool same = tracer_ ? config.tracing == tracer_->settings() : !config.tracing;
  if (same) return;
  if (tracer_) net::spawn(loop_, trace::Exporter::close(std::move(tracer_), kTracerClose));
  tracer_ = nullptr;
  if (config.tracing) {
    auto log = [this](LogLevel level, const std::string& text) { log_.log(level, text); };
    tracer_ = std::make_shared<trace::Exporter>(loop_, wheel_, *config.tracing,
                                                std::string(kVersion), std::move(log));
    tracer_->start();
  }
  server_->use_tracer(tracer_);
}

void Daemon::say_what_changes(const config::Config& next) {
  for (const auto& [model, change] : config::diff(*config_, next).models)
    if (change != config::Change::unchanged)
      log_.info("configuration of {}: {}", model, config::to_string(change));
}

net::Awaitable<void> Daemon::shut_down() {
  const util::Time end = util::Clock::now() + kShutdownBudget;
  if (monitoring_) monitoring_->stop();
  server_->end_streams();
  front_->close();
  const bool drained = co_await drain(end - kStopShare);
  if (!drained)
    log_.log(LogLevel::warn,
             "http server shutdown error: requests were still running at the deadline");
  const auto left = std::chrono::duration_cast<util::Millis>(end - util::Clock::now());
  co_await actor_->shutdown(std::max(left, util::Millis(1)));
  front_->cut_all();
  co_await drain(util::Clock::now() + kLastWords);
  server_->use_activity(nullptr);
  if (tracer_) co_await trace::Exporter::close(tracer_, kTracerClose);
  co_await store_->close(kStoreClose);
  log_.log(LogLevel::info, "shutdown complete");
  backstop_.cancel();
  loop_.stop();
}

// Lets the running requests finish. False: some had not at the deadline.
net::Awaitable<bool> Daemon::drain(util::Time deadline) {
  // Shared, as the loop may be about to say "empty" when the time is up.
  const auto timer = std::make_shared<Timer>(loop_, deadline);
  front_->drain();
  front_->on_empty([timer] { timer->cancel(); });
  const auto [ec] = co_await timer->async_wait(net::use_awaitable);
  front_->on_empty(nullptr);
  co_return ec == asio::error::operation_aborted;  // not by the clock
}

}  // namespace llama_swap::app
