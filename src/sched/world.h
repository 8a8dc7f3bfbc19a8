// Test support: a scheduler in a small world of its own, driven by a script, with every promise of
// the scheduler checked after every line. The tables, the random histories and the replay of a
// failing one speak the same language.
//
//   model NAME...                    configures models in the default group (swap, exclusive)
//   group NAME [noswap] [shared] [persistent] : MODEL...   (shared: not exclusive)
//   matrix NAME : EXPRESSION         a set; with the first one, groups do not count any more
//   set MODEL [ttl=S] [limit=N] [priority=N]
//   maxwait S|never|default          minresidency S        (seconds)
//   drop MODEL / readd MODEL         no longer configured, configured again; like all of the above
//   takes effect with reload [MODEL...]                the first event, or a reload; those named
//   have new launch settings
//
//   + N MODEL       ticket N arrives          p N MODEL   a preload arrives       - N   ticket N
//   ends ready|fail|exit|stuck|gone MODEL          what becomes of its newest instance late MODEL
//   an event of an instance that is long gone unload MODEL...                           shutdown
//   wait S          time passes, deadlines are kept
//   finish          the world behaves from now on; checks that every ticket gets its answer and no
//   slot is lost
//
// Lines that make no sense (an unknown ticket, nothing to be ready) do nothing, so lines can be
// taken out of a script.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sched/scheduler.h"

namespace llama_swap::sched::testing {

class World : public Effects {
 public:
  World() = default;
  ~World() override;

  // Runs one line and tells what came of it: "start b; stop a evicted; 1 served; 2 busy a #1; 3
  // refused too_many".
  std::string run(const std::string& line);
  // The first broken promise; empty: none.
  const std::string& violation() const { return violation_; }

  // For the generator of histories.
  struct Seen {
    std::vector<int> waiting, served;                          // tickets
    std::vector<std::string> starting, ready, leaving, stuck;  // models
    std::vector<std::string> models;
    bool shut_down = false;
  };
  Seen look() const;

 private:
  static constexpr std::uint64_t kNoClaim = std::numeric_limits<std::uint64_t>::max();

  struct Client {
    int name = 0;
    Ticket ticket;
    Ticket::Phase reported = Ticket::Phase::idle;
    std::uint64_t claim_after = kNoClaim;  // number of the last ticket that came before its claim
  };
  struct Process {
    InstanceId id = 0;
    ModelId model = 0;
    enum { starting, ready, leaving, stuck } state = starting;
    util::Time ready_since;
  };
  struct GroupLine {
    bool swap = true, exclusive = true, persistent = false;
    std::vector<std::string> members;
  };

  void swap_begins(ModelId target, const Models& running, const Models& displaced,
                   StartReason why) override;
  void swap_ends(ModelId target, SwapEnd how) override;
  void start(const Instance& instance) override;
  void stop(const Instance& instance) override;
  void changed(Ticket& ticket) override;

  bool configure(const std::vector<std::string>& words);
  void event(const std::vector<std::string>& words);
  void happen(const std::string& what, ModelId model);
  void arrive(int name, const std::string& model, bool preload);
  void end(Client& client);
  void pass(util::Millis duration);
  void finish();
  void calm_down();
  void check_slots();

  void check();
  void check_queue();
  void check_counts();
  void check_served(const Client& client);
  void require(bool good, std::string_view what);

  Settings settings();
  std::shared_ptr<const Policy> group_policy();
  std::shared_ptr<const Policy> matrix_policy();
  ModelId id(const std::string& name);
  Models ids(const std::vector<std::string>& words, std::size_t from);
  bool exclude_each_other(ModelId a, ModelId b) const;
  Models running() const;
  bool resident_may_stay(ModelId target) const;
  const ModelSettings& settings_of(ModelId model) const;
  std::optional<util::Millis> max_wait_in_force() const;
  Process* newest(ModelId model);
  void say(const std::string& what);
  void report(Client& client);
  std::string describe(const Ticket& ticket) const;

  // The configuration as the script has written it so far.
  std::vector<std::string> names_;
  std::map<std::string, GroupLine> groups_;
  std::map<std::string, std::string> sets_;  // of the matrix
  std::vector<ModelSettings> models_;
  std::optional<util::Millis> max_wait_;
  util::Millis min_residency_{0};

  std::unique_ptr<Scheduler> scheduler_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Process> processes_;
  std::map<ModelId, Models> swaps_;  // what was said to be displaced for it
  std::uint64_t arrivals_ = 0;
  util::Time now_{util::seconds{1000}};
  Client* arriving_ = nullptr;
  bool shut_down_ = false;
  std::string said_;
  std::string violation_;
};

}  // namespace llama_swap::sched::testing
