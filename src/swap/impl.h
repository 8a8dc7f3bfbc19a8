// The inside of the actor: the scheduler decides, this carries out, and tells the scheduler what
// became of it.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sched/scheduler.h"
#include "swap/model_table.h"
#include "swap/swap.h"

namespace llama_swap::swap {

// The scheduler's ticket, and what the owner of the admission sees of it.
struct Admission::Ticket
    : sched::Ticket,
      std::enable_shared_from_this<Ticket>,
      boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  // Null once the actor is gone; the admission may outlive it.
  Actor::Impl* actor = nullptr;
  std::uint64_t tag = 0;
  std::function<void()> changed_hook;
  bool hook_due = false;

  // One of them, as the phase says.
  Wait wait;
  Served served;
  Refusal refused{};
};

constexpr std::size_t kOutputTail = 4 << 10;  // bytes kept of what a starting server writes

// One started thing of a model, from the launch to on_gone.
class Running final : public process::InstanceEvents {
 public:
  Running(Actor::Impl& actor, sched::InstanceId instance, sched::ModelId model_id)
      : id(instance), model(model_id), actor_(actor) {}

  void on_output(std::string_view data) override;
  void on_ready() override;
  void on_failed(const util::Error& why) override;
  void on_exited(const std::string& how) override;
  void on_stuck() override;
  void on_gone() override;

  // Breaks whatever is being relayed. After a stop signal this is not only for the sake of
  // requests: llama-server waits for its clients to go, and hangs for the whole grace otherwise.
  void cut();
  // Before that, where it is we who end it: its requests shall not be tried again.
  void retire();
  // Requests from now on go there; those under way stay where they are.
  void renew_upstream(std::shared_ptr<net::Upstream> upstream);

  const sched::InstanceId id;
  const sched::ModelId model;
  std::chrono::milliseconds unload_timeout{};  // of the configuration it was started under
  std::shared_ptr<net::Upstream> upstream;     // null: the address in the configuration is none
  std::unique_ptr<process::Instance> process;
  bool stuck = false;
  // Why the start failed. The waiting clients are told once nothing of it is left, so that whoever
  // looks or tries again right after the error finds the model stopped.
  std::optional<std::string> failure;
  const util::Time started = util::Clock::now();
  std::optional<util::Time> ready_since;
  std::string_view reason;  // of its start, then of its end (StateChange)
  bool starting = true;
  std::string output_tail;  // while starting: what it wrote last

 private:
  Actor::Impl& actor_;
  std::vector<std::weak_ptr<net::Upstream>> former_;
};

// Wakes a coroutine that waits for the world to change. Shared by the coroutine and the actor's
// list of them.
using Timer = boost::asio::basic_waitable_timer<util::Clock, boost::asio::wait_traits<util::Clock>,
                                                net::Executor>;
using Gate = std::shared_ptr<Timer>;

struct Actor::Impl final : sched::Effects {
  Impl(net::Loop& loop, net::TimerWheel& wheel, process::Launcher& launcher,
       config::ConfigPtr config, Hooks hooks);
  ~Impl() override;

  // ---- effects
  void swap_begins(sched::ModelId target, const sched::Models& beside,
                   const sched::Models& displaced, sched::StartReason why) override;
  void swap_ends(sched::ModelId target, sched::SwapEnd how) override;
  void start(const sched::Instance& instance) override;
  void stop(const sched::Instance& instance) override;
  void changed(sched::Ticket& ticket) override;

  // ---- events of instances
  void on_ready(Running& running);
  void on_failed(Running& running, const std::string& message);
  void on_exited(Running& running, const std::string& how);
  void on_stuck(Running& running);
  void pass_on_failure(Running& running);
  void on_gone(Running& running);

  // ---- requests
  Admission admit(const std::string& name, bool preload, std::uint64_t tag);
  void end(Admission::Ticket& ticket);

  // ---- coroutines. The actor must outlive them unless the loop has ended.
  net::Awaitable<void> unload(std::vector<std::string> names);
  net::Awaitable<void> preload(std::vector<std::string> names);
  net::Awaitable<void> shutdown(std::chrono::milliseconds budget);
  void reconfigure(config::ConfigPtr config);

  // Must follow every event: reports changes of state, sets the timer, wakes who waits.
  void settle();
  void arm();
  void set_state(const Running& running, State state);
  void tell(const Running& running, InstanceNews::What what, std::string text = {});
  void explain_swap(sched::ModelId target, const sched::Models& beside) const;
  Running* find(sched::InstanceId id, sched::ModelId model) const;
  bool all_gone(const std::vector<sched::InstanceId>& instances) const;
  std::vector<sched::InstanceId> instances() const;
  Gate make_gate();
  void fill(Admission::Ticket& ticket);
  void run_hooks();
  Refusal refusal(const sched::Ticket& ticket) const;
  std::shared_ptr<net::Upstream> make_upstream(const process::LaunchSpec& spec);
  std::string_view router() const { return scheduler.settings().policy->name(); }
  void log(config::LogLevel level, const std::string& model, std::string text) const;

  net::Loop& loop;
  net::TimerWheel& wheel;
  process::Launcher& launcher;
  const Hooks hooks;
  ModelTable table;
  sched::Scheduler scheduler;

  std::map<sched::InstanceId, std::unique_ptr<Running>> running;
  std::vector<Running*> newest;  // by ModelId; null: nothing runs
  std::vector<State> shown;      // by ModelId: the state last told
  std::map<sched::ModelId, SwapStatus> swaps;
  std::deque<News> to_tell;
  bool telling = false;

  boost::intrusive::list<Admission::Ticket, boost::intrusive::constant_time_size<false>> tickets;
  std::vector<std::shared_ptr<Admission::Ticket>> hooks_due;

  Timer timer;
  util::Time armed = util::Time::max();
  std::vector<std::string> failed_output;  // of the start that is being reported as failed
  std::vector<std::weak_ptr<Timer>> gates;
  bool world_changed = false;  // since the gates were last opened

  std::uint64_t preload_round = 0;  // a new one ends those before
  bool shutting_down = false;
  std::chrono::milliseconds shutdown_grace{0};
  std::shared_ptr<void> alive =
      std::make_shared<int>();  // what has been posted looks whether we still are
};

}  // namespace llama_swap::swap
