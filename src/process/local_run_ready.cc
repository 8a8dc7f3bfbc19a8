// Readiness: asking until the server answers, and whether it is ours that does.
#include <exception>

#include "process/local_run.h"

namespace llama_swap::process {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr util::seconds kAttempt{5};
constexpr milliseconds kFailedStartGrace{5000};  // runtime 6.4
// A server that logs its requests answers a health check with output, which is no news.
constexpr milliseconds kEcho{20};

}  // namespace

void LocalRun::begin_probing() {
  probe_.emplace(shared_->loop, shared_->wheel, *url_, spec_.check_endpoint, spec_.ca_file);
  net::spawn(shared_->loop, wait_until_ready(shared_from_this()));
}

net::Awaitable<void> LocalRun::wait_until_ready(std::shared_ptr<LocalRun> self) {
  const util::Time deadline = self->spawned_at_ + self->spec_.health_check_timeout;
  while (self->phase_ == Phase::starting) {
    self->woken_ = false;
    const util::Time attempt_until = std::min(util::Clock::now() + kAttempt, deadline);
    const ProbeResult result = co_await self->probe_->ask(attempt_until);
    if (self->phase_ != Phase::starting) co_return;
    if (!result.error.empty() || result.status != 0) self->probe_error_ = result.error;
    if (result.answer == Answer::ok) {
      self->settle(result.answered);
      co_return;
    }
    const util::Time now = util::Clock::now();
    if (now >= deadline) {
      self->time_out();
      co_return;
    }
    if (result.answer == Answer::not_ready) {
      self->woken_ = false;
      self->quiet_until_ = now + kEcho;
    }
    const Pace pace = pace_after(result.answer,
                                 std::chrono::duration_cast<milliseconds>(now - self->spawned_at_));
    co_await self->pause(pace, deadline);
  }
}

net::Awaitable<void> LocalRun::pause(Pace pace, util::Time deadline) {
  const util::Time begin = util::Clock::now();
  while (phase_ == Phase::starting) {
    const util::Time until =
        std::min(begin + (woken_ ? std::min(pace.at_least, pace.next) : pace.next), deadline);
    if (util::Clock::now() >= until) co_return;
    probe_pause_.expires_at(until);
    co_await probe_pause_.async_wait(net::use_awaitable);
  }
}

void LocalRun::wake_probe() {
  if (phase_ != Phase::starting || util::Clock::now() < quiet_until_) return;
  woken_ = true;
  probe_pause_.cancel();
}

void LocalRun::time_out() {
  if (phase_ != Phase::starting) return;
  std::string message =
      "health check timed out after " + util::duration_text(spec_.health_check_timeout);
  if (!probe_error_.empty()) message += ": " + probe_error_;
  fail({util::Errc::timed_out, std::move(message)});
  end(shim::Type::stop, kFailedStartGrace);
}

// Somebody says 200. Only who is proven to be another model's server is turned down.
void LocalRun::settle(const Endpoint& answered) {
  if (answered.address().is_loopback()) {
    const Ownership found = classify(answered, shim_.pid, leader_, shared_->shims);
    if (found.owner == Owner::foreign) {
      fail({util::Errc::conflict, "port " + std::to_string(answered.port()) +
                                      " is in use by the server of model " + found.model +
                                      ": process " + std::to_string(found.holder.pid) + " (" +
                                      found.holder.command + ")"});
      return end(shim::Type::stop, kFailedStartGrace);
    }
  }
  log(config::LogLevel::info, "Health check passed on " + spec_.proxy + spec_.check_endpoint);
  become_ready();
}

void LocalRun::become_ready() {
  phase_ = Phase::ready;
  if (events_ != nullptr) events_->on_ready();
}

bool LocalRun::tree_listens() const {
  for (const Endpoint& endpoint : local_endpoints()) {
    if (classify(endpoint, shim_.pid, leader_, shared_->shims).owner == Owner::ours) return true;
  }
  return false;
}

}  // namespace llama_swap::process
