#include "swap/swap.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "swap/fake_launcher.h"

namespace llama_swap::swap {
namespace {

using namespace std::chrono_literals;
using Phase = Admission::Phase;
using Strings = std::vector<std::string>;

// A connection that a request is using, seen from both ends.
class OpenConnection {
 public:
  OpenConnection(net::Loop& loop, net::Upstream& upstream) : connection_(loop, upstream) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    EXPECT_TRUE(connection_.stream.assign(AF_UNIX, ends[0]));
    other_end_ = ends[1];
  }
  ~OpenConnection() { ::close(other_end_); }
  OpenConnection(const OpenConnection&) = delete;
  OpenConnection& operator=(const OpenConnection&) = delete;

  // The model server sees its client go.
  bool is_cut() const {
    char byte;
    return ::recv(other_end_, &byte, 1, 0) == 0;
  }

 private:
  net::UpstreamConnection connection_;
  int other_end_ = -1;
};

class SwapTest : public ::testing::Test {
 protected:
  SwapTest() {
    for (const char* name : {"a", "b", "c"}) add(name);
    config::Group all;
    all.id = "(default)";
    all.members = {"a", "b", "c"};
    config.groups.push_back(all);
  }

  void add(const std::string& name) {
    config::Model model;
    model.id = name;
    model.cmd = "server-" + name;
    model.proxy = "http://127.0.0.1:9";
    model.unload_timeout = 7s;
    model.concurrency_limit = 3;
    config.models[name] = model;
  }

  // The actor begins with `config` as it is at the first call.
  Actor& actor() {
    if (!actor_) {
      Actor::Hooks hooks;
      hooks.log = [this](config::LogLevel level, const std::string& model, std::string text) {
        EXPECT_NE(text.find(model), std::string::npos);
        if (level != config::LogLevel::debug) log.push_back(std::move(text));
      };
      hooks.output = [this](const std::string& model, std::string_view data) {
        output.push_back(model + ":" + std::string(data));
      };
      hooks.news = [this](const News& what) {
        news.push_back(what);
        const auto* change = std::get_if<StateChange>(&what);
        if (!change) return;
        states.push_back(change->model + " " + std::string(state_text(change->now)));
        if (on_state) on_state(change->model, change->now);
      };
      hooks.queue_changed = [this] { ++queue_changes; };
      actor_ = std::make_unique<Actor>(loop, wheel, launcher,
                                       std::make_shared<config::Config>(config), std::move(hooks));
    }
    return *actor_;
  }
  void reload() { actor().reconfigure(std::make_shared<config::Config>(config)); }

  // Lets the loop do what is due, without waiting.
  void turn() {
    loop.restart();
    loop.poll();
  }
  // Starts a command; the flag is set when it has returned.
  std::shared_ptr<bool> begin(net::Awaitable<void> command) {
    auto done = std::make_shared<bool>(false);
    const auto run = [](net::Awaitable<void> work,
                        std::shared_ptr<bool> ended) -> net::Awaitable<void> {
      co_await work;
      *ended = true;
    };
    net::spawn(loop, run(std::move(command), done));
    turn();
    return done;
  }
  // An admission that is being served by a ready model.
  Admission serve(const std::string& model) {
    Admission admission = actor().admit(model);
    if (admission.phase() == Phase::waiting) launcher.run(model).ready();
    EXPECT_EQ(admission.phase(), Phase::served);
    return admission;
  }
  // The model is ready and idle.
  void load(const std::string& model) { serve(model); }

  net::Loop loop;
  net::TimerWheel wheel{loop};
  testing::FakeLauncher launcher;
  config::Config config;
  Strings log, output, states;
  std::vector<News> news;
  int queue_changes = 0;
  std::function<void(const std::string&, State)> on_state;
  std::unique_ptr<Actor> actor_;
};

// ---- admissions

TEST_F(SwapTest, StartsAndServes) {
  Admission admission = actor().admit("a");
  EXPECT_EQ(admission.phase(), Phase::waiting);
  EXPECT_EQ(admission.wait().reason, "load");
  EXPECT_EQ(admission.wait().position, 0);
  EXPECT_EQ(launcher.run("a").spec.cmd, "server-a");
  launcher.run("a").output("hello");
  launcher.run("a").ready();
  ASSERT_EQ(admission.phase(), Phase::served);
  EXPECT_EQ(admission.served().upstream->base().port, 9);
  EXPECT_NE(admission.served().instance, 0u);
  EXPECT_EQ(output, Strings{"a:hello"});
  EXPECT_EQ(states, (Strings{"a starting", "a ready"}));
}

TEST_F(SwapTest, InstancesThatRun) {
  EXPECT_TRUE(actor().instances().empty());
  Admission first = actor().admit("a");
  const std::vector<InstanceStatus> starting = actor().instances();
  ASSERT_EQ(starting.size(), 1u);
  EXPECT_EQ(starting[0].model, "a");
  EXPECT_EQ(starting[0].state, State::starting);
  EXPECT_FALSE(starting[0].ready);
  EXPECT_EQ(starting[0].in_flight, 0);
  launcher.run("a").ready();
  const std::vector<InstanceStatus> ready = actor().instances();
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].instance, first.served().instance);
  EXPECT_EQ(ready[0].state, State::ready);
  EXPECT_TRUE(ready[0].ready);
  EXPECT_EQ(ready[0].in_flight, 1);
  begin(actor().unload({"a"}));
  launcher.run("a").gone();
  EXPECT_TRUE(actor().instances().empty());
}

TEST_F(SwapTest, TellsOncePerTurnAndNeverFromInsideACall) {
  int calls = 0;
  Admission admission = actor().admit("a");
  admission.notify([&] { ++calls; });
  launcher.run("a").ready();
  EXPECT_EQ(admission.phase(), Phase::served);
  EXPECT_EQ(calls, 0);
  turn();
  EXPECT_EQ(calls, 1);
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_F(SwapTest, SeveralChangesInATurnAreToldAsOne) {
  Admission first = actor().admit("a");
  Admission second = actor().admit("b");
  int calls = 0;
  second.notify([&] { ++calls; });
  launcher.run("a").fail("broken");  // b waits for a to be gone
  launcher.run("a").gone();          // b is being loaded
  launcher.run("b").ready();         // b is served
  turn();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(second.phase(), Phase::served);
}

TEST_F(SwapTest, AHookThatWasTakenBackIsNotCalled) {
  bool called = false;
  Admission admission = actor().admit("a");
  admission.notify([&] { called = true; });
  launcher.run("a").ready();
  admission.notify({});
  turn();
  EXPECT_FALSE(called);
}

TEST_F(SwapTest, AHookMayReplaceItself) {
  int calls = 0;
  Admission admission = actor().admit("a");
  admission.notify([&] {
    ++calls;
    admission.notify({});
  });
  launcher.run("a").ready();
  turn();
  EXPECT_EQ(calls, 1);
}

TEST_F(SwapTest, AClientThatLeavesDuringTheHandOverLeavesNothingBehind) {
  bool called = false;
  for (int round = 0; round < 5; ++round) {
    auto admission = std::make_unique<Admission>(actor().admit("a"));
    admission->notify([&] { called = true; });
    if (round == 0) launcher.run("a").ready();  // served, but not told yet
    admission.reset();
    turn();
  }
  EXPECT_FALSE(called);
  EXPECT_EQ(actor().status()[0].in_flight, 0);
  EXPECT_EQ(actor().status()[0].waiting, 0);
}

TEST_F(SwapTest, AWithdrawnRequestStartsNothing) {
  Admission busy = serve("a");
  {
    Admission waiting = actor().admit("b");
    EXPECT_EQ(waiting.wait().reason, "busy");
    EXPECT_EQ(waiting.wait().blockers, Strings{"a"});
    EXPECT_EQ(waiting.wait().position, 1);
  }
  { Admission over = std::move(busy); }
  turn();
  EXPECT_EQ(launcher.starts("b"), 0);
  EXPECT_EQ(actor().state("a"), State::ready);
}

TEST_F(SwapTest, AnAdmissionThatIsReplacedEnds) {
  Admission admission = serve("a");
  admission = serve("a");
  EXPECT_EQ(actor().status()[0].in_flight, 1);
}

TEST_F(SwapTest, AnAdmissionMayOutliveTheActor) {
  Admission served = serve("a");
  Admission waiting = actor().admit("b");
  waiting.notify([] { FAIL() << "told by nobody"; });
  launcher.run("a").exit();  // a hook is due
  actor_.reset();
  turn();
  EXPECT_TRUE(launcher.run("a").destroyed);
}

TEST_F(SwapTest, OnlyThoseWhosePlaceChangesAreTold) {
  Admission busy = serve("a");
  auto first = std::make_unique<Admission>(actor().admit("b"));
  Admission second = actor().admit("c");
  Admission third = actor().admit("b");
  Strings told;
  first->notify([&] { told.push_back("first"); });
  second.notify([&] { told.push_back("second"); });
  third.notify([&] { told.push_back("third"); });
  { Admission other = actor().admit("a"); }
  turn();
  EXPECT_EQ(told, Strings{});
  Admission last = actor().admit("c");
  turn();
  EXPECT_EQ(told, Strings{});
  first.reset();
  turn();
  EXPECT_EQ(told, (Strings{"second", "third"}));
  EXPECT_EQ(third.wait().position, 2);
}

TEST_F(SwapTest, Refusals) {
  const Admission unknown = actor().admit("x");
  ASSERT_EQ(unknown.phase(), Phase::refused);
  EXPECT_EQ(unknown.refusal().kind, Refusal::unknown_model);
  EXPECT_EQ(unknown.refusal().message, "no local server found for requested model");

  std::vector<Admission> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(actor().admit("a"));
  const Admission over = actor().admit("a");
  ASSERT_EQ(over.phase(), Phase::refused);
  EXPECT_EQ(over.refusal().kind, Refusal::too_many);
  EXPECT_EQ(over.refusal().message, "Too many requests");
}

TEST_F(SwapTest, AFailedStart) {
  Admission admission = actor().admit("a");
  launcher.run("a").fail("upstream command exited prematurely");
  EXPECT_EQ(log, Strings{"group: starting a failed: upstream command exited prematurely"});
  EXPECT_EQ(admission.phase(), Phase::waiting);  // told when nothing is left of it
  launcher.run("a").gone();
  ASSERT_EQ(admission.phase(), Phase::refused);
  EXPECT_EQ(admission.refusal().kind, Refusal::start_failed);
  EXPECT_EQ(admission.refusal().message, "unspecific error: upstream command exited prematurely");
  EXPECT_EQ(states, (Strings{"a starting", "a stopped"}));
  serve("a");
  EXPECT_EQ(launcher.starts("a"), 2);
}

TEST_F(SwapTest, ExpectsWhatWasMeasured) {
  load("a");
  launcher.run("a").exit();
  launcher.run("a").gone();
  const Admission admission = actor().admit("a");
  // The first load took next to no time.
  ASSERT_TRUE(admission.wait().expected_at);
  EXPECT_LT(*admission.wait().expected_at, util::Clock::now() + 1s);
}

// ---- swaps and stops

TEST_F(SwapTest, ASwapStopsWithTheUnloadTimeoutAndOneUpstreamServesOneInstance) {
  std::shared_ptr<net::Upstream> first = serve("a").served().upstream;
  Admission b = actor().admit("b");
  EXPECT_EQ(launcher.run("a").stops, std::vector<std::chrono::milliseconds>{7s});
  EXPECT_EQ(b.wait().reason, "stop");
  EXPECT_EQ(b.wait().blockers, Strings{"a"});
  EXPECT_EQ(actor().state("a"), State::stopping);
  Admission again = actor().admit("a");
  EXPECT_EQ(launcher.starts("b"), 0);
  launcher.run("a").gone();
  launcher.run("b").ready();
  { Admission over = std::move(b); }
  launcher.run("b").gone();
  launcher.run("a").ready();
  ASSERT_EQ(again.phase(), Phase::served);
  EXPECT_NE(again.served().upstream, first);
  EXPECT_EQ(states, (Strings{"a starting", "a ready", "a stopping", "a stopped", "b starting",
                             "b ready", "b stopping", "b stopped", "a starting", "a ready"}));
}

TEST_F(SwapTest, AnInstanceIsDestroyedOnlyAfterItsLastEvent) {
  load("a");
  launcher.run("a").exit();
  launcher.run("a").gone();
  EXPECT_FALSE(launcher.run("a").destroyed);
  turn();
  EXPECT_TRUE(launcher.run("a").destroyed);
  EXPECT_FALSE(launcher.run("a").destroyed_inside_event);
}

TEST_F(SwapTest, ACrashIsSeenAtOnceAndTheNextRequestStartsAfresh) {
  Admission broken = serve("a");
  const OpenConnection connection(loop, *broken.served().upstream);
  EXPECT_FALSE(connection.is_cut());
  launcher.run("a").exit();
  EXPECT_TRUE(connection.is_cut());
  EXPECT_EQ(actor().state("a"), State::stopped);
  Admission next = actor().admit("a");
  EXPECT_EQ(launcher.starts("a"), 1);
  launcher.run("a").gone();
  EXPECT_EQ(launcher.starts("a"), 2);
  launcher.run("a").ready();
  EXPECT_EQ(next.phase(), Phase::served);
}

TEST_F(SwapTest, WhoCausedASwap) {
  Admission first = actor().admit("a");
  EXPECT_FALSE(first.caused_swap()) << "nothing had to go";
  launcher.run("a").ready();
  const Admission second = actor().admit("b");
  EXPECT_FALSE(second.caused_swap()) << "its turn has not come";
  const Admission third = actor().admit("b");
  first.withdraw();
  EXPECT_TRUE(second.caused_swap());
  EXPECT_FALSE(third.caused_swap()) << "it only joins";
}

TEST_F(SwapTest, TtlUnloads) {
  config.models["a"].ttl = 1s;
  load("a");
  loop.restart();
  while (launcher.run("a").stops.empty()) loop.run_one();
  EXPECT_EQ(log, Strings{"<a> Unloading model, TTL of 1s reached"});
  EXPECT_EQ(launcher.run("a").stops[0], 7s);
}

TEST_F(SwapTest, BypassNeedsAReadyModelAndTakesNoSlot) {
  EXPECT_FALSE(actor().bypass("a"));
  EXPECT_FALSE(actor().bypass("x"));
  Admission admission = actor().admit("a");
  EXPECT_FALSE(actor().bypass("a"));
  launcher.run("a").ready();
  const std::optional<Served> served = actor().bypass("a");
  ASSERT_TRUE(served);
  EXPECT_EQ(served->upstream, admission.served().upstream);
  EXPECT_EQ(actor().status()[0].in_flight, 1);
}

TEST_F(SwapTest, WouldDisplace) {
  EXPECT_FALSE(actor().would_displace("a"));
  EXPECT_FALSE(actor().would_displace("unknown"));
  Admission first = actor().admit("a");
  EXPECT_FALSE(actor().would_displace("a"));
  EXPECT_TRUE(actor().would_displace("b"));
  launcher.run("a").ready();
  EXPECT_FALSE(actor().would_displace("a"));
  EXPECT_TRUE(actor().would_displace("b"));
  const Admission second = actor().admit("b");
  EXPECT_FALSE(actor().would_displace("a"));  // served as long as b's turn has not come
  first.withdraw();
  EXPECT_TRUE(actor().would_displace("a"));
  EXPECT_FALSE(actor().would_displace("b"));  // others have decided that
  EXPECT_TRUE(actor().would_displace("c"));
}

TEST_F(SwapTest, AStateHookMayAskForMore) {
  std::vector<Admission> more;
  on_state = [&](const std::string& model, State state) {
    if (model == "a" && state == State::ready) more.push_back(actor().admit("a"));
  };
  Admission admission = serve("a");
  ASSERT_EQ(more.size(), 1u);
  EXPECT_EQ(more[0].phase(), Phase::served);
}

TEST_F(SwapTest, Status) {
  Admission served = serve("a");
  Admission waiting = actor().admit("b");
  const std::vector<ModelStatus> status = actor().status();
  ASSERT_EQ(status.size(), 3u);
  EXPECT_EQ(status[0].id, "a");
  EXPECT_EQ(status[0].state, State::ready);
  EXPECT_EQ(status[0].in_flight, 1);
  EXPECT_EQ(status[0].reason, "request");
  EXPECT_EQ(status[1].waiting, 1);
  EXPECT_EQ(status[2].state, State::stopped);
}

// ---- unload

TEST_F(SwapTest, UnloadCutsRunningRequestsAndReturnsWhenAllIsGone) {
  Admission running = serve("a");
  Admission queued = actor().admit("b");
  const OpenConnection connection(loop, *running.served().upstream);
  const auto done = begin(actor().unload({"a", "b"}));
  EXPECT_TRUE(connection.is_cut());
  ASSERT_EQ(queued.phase(), Phase::refused);
  EXPECT_EQ(queued.refusal().kind, Refusal::unloaded);
  EXPECT_EQ(queued.refusal().message, "unspecific error: group: model unloaded");
  EXPECT_FALSE(*done);
  launcher.run("a").gone();
  turn();
  EXPECT_TRUE(*done);
  EXPECT_EQ(launcher.starts("b"), 0);
}

TEST_F(SwapTest, UnloadWhileASwapStopsOthers) {
  load("a");
  Admission b = actor().admit("b");
  Admission c = actor().admit("c");
  const auto done = begin(actor().unload({"b"}));
  EXPECT_TRUE(*done);  // nothing of b ever ran
  EXPECT_EQ(b.phase(), Phase::refused);
  EXPECT_EQ(c.wait().reason, "stop");
  launcher.run("a").gone();
  EXPECT_EQ(launcher.starts("b"), 0);
  EXPECT_EQ(launcher.starts("c"), 1);
}

TEST_F(SwapTest, UnloadOfALoadingModel) {
  Admission a = actor().admit("a");
  const auto done = begin(actor().unload({"a"}));
  EXPECT_EQ(a.refusal().kind, Refusal::unloaded);
  EXPECT_EQ(launcher.run("a").stops.size(), 1u);
  Admission next = actor().admit("a");
  launcher.run("a").fail("aborted");
  EXPECT_EQ(next.phase(), Phase::waiting);
  EXPECT_FALSE(*done);
  launcher.run("a").gone();
  turn();
  EXPECT_TRUE(*done);  // the new one is not meant
  EXPECT_EQ(launcher.starts("a"), 2);
  EXPECT_EQ(log, Strings{});
  EXPECT_EQ(states, (Strings{"a starting", "a stopped", "a starting"}));
}

TEST_F(SwapTest, UnloadDoesNotWaitForTheStuck) {
  load("a");
  const auto done = begin(actor().unload({"a"}));
  launcher.run("a").stuck();
  turn();
  EXPECT_TRUE(*done);
  EXPECT_EQ(actor().state("a"), State::stopping);
  EXPECT_EQ(actor().status()[0].reason, "stuck");
  EXPECT_EQ(actor().admit("a").wait().reason, "stuck");
}

TEST_F(SwapTest, ATicketThatHasWaitedForAStuckModelIsServedInTheEnd) {
  load("a");
  const auto done = begin(actor().unload({"a"}));
  launcher.run("a").stuck();
  Admission a = actor().admit("a");
  launcher.run("a").gone();
  launcher.run("a").ready();
  EXPECT_EQ(a.phase(), Phase::served);
}

// ---- shutdown

TEST_F(SwapTest, ShutdownStopsEverythingAtOnce) {
  config.groups[0].swap = false;
  Admission a = serve("a");
  Admission b = actor().admit("b");
  const OpenConnection connection(loop, *a.served().upstream);
  const auto done = begin(actor().shutdown(5s));
  EXPECT_EQ(launcher.run("a").stops, std::vector<std::chrono::milliseconds>{5s});
  EXPECT_EQ(launcher.run("b").stops, std::vector<std::chrono::milliseconds>{5s});
  EXPECT_TRUE(connection.is_cut());
  EXPECT_EQ(b.refusal().kind, Refusal::shutting_down);
  EXPECT_EQ(b.refusal().message, "unspecific error: group is shutting down");
  EXPECT_EQ(actor().admit("c").refusal().kind, Refusal::shutting_down);
  launcher.run("b").fail("aborted");
  launcher.run("b").gone();
  turn();
  EXPECT_FALSE(*done);
  actor().hurry();
  EXPECT_EQ(launcher.run("a").stops.back(), 0ms);
  launcher.run("a").gone();
  turn();
  EXPECT_TRUE(*done);
  EXPECT_EQ(log, Strings{});
}

TEST_F(SwapTest, ShutdownWithNothingRunningIsImmediate) {
  EXPECT_TRUE(*begin(actor().shutdown(30s)));
}

TEST_F(SwapTest, ShutdownShortensAStopInProgress) {
  load("a");
  const auto unloaded = begin(actor().unload({"a"}));
  const auto done = begin(actor().shutdown(1s));
  EXPECT_EQ(launcher.run("a").stops, (std::vector<std::chrono::milliseconds>{7s, 1s}));
  launcher.run("a").stuck();
  turn();
  EXPECT_TRUE(*done);
  EXPECT_TRUE(*unloaded);
}

// ---- preload

TEST_F(SwapTest, PreloadsOneAfterTheOtherWhereTheyDisplaceEachOther) {
  const auto done = begin(actor().preload({"a", "b"}));
  EXPECT_EQ(log, (Strings{"preloading model: a", "preloading model: b"}));
  EXPECT_EQ(launcher.starts("b"), 0);
  launcher.run("a").ready();
  turn();
  EXPECT_EQ(launcher.run("a").stops.size(), 1u);
  launcher.run("a").gone();
  launcher.run("b").ready();
  turn();
  EXPECT_TRUE(*done);
  EXPECT_EQ(actor().state("b"), State::ready);
  EXPECT_EQ(actor().status()[1].in_flight, 0);
}

TEST_F(SwapTest, PreloadsSideBySideWhatCanLiveTogether) {
  config.groups[0].swap = false;
  const auto done = begin(actor().preload({"a", "b", "c"}));
  EXPECT_EQ(launcher.runs().size(), 3u);
  launcher.run("b").fail("no memory");
  launcher.run("b").gone();
  turn();
  EXPECT_EQ(log.back(), "failed to preload model b: no memory");
  launcher.run("a").ready();
  launcher.run("c").ready();
  turn();
  EXPECT_TRUE(*done);
}

// b displaces a, so c must wait for b although it could live with a: the last of the list stays.
TEST_F(SwapTest, PreloadKeepsTheOrderOfTheList) {
  config::Group shared;
  shared.id = "shared";
  shared.exclusive = false;
  shared.members = {"c"};
  config.groups[0].members = {"a", "b"};
  config.groups.push_back(shared);
  const auto done = begin(actor().preload({"a", "b", "c"}));
  EXPECT_EQ(launcher.starts("c"), 0);
  launcher.run("a").ready();
  turn();
  EXPECT_EQ(launcher.starts("c"), 1);  // b is no longer queued: nothing in its way can be added
  launcher.run("a").gone();
  launcher.run("c").ready();
  launcher.run("b").ready();
  turn();
  EXPECT_TRUE(*done);
  EXPECT_EQ(actor().state("b"), State::ready);
  EXPECT_EQ(actor().state("c"), State::ready);
}

TEST_F(SwapTest, AReloadEndsThePreloadsBefore) {
  const auto old = begin(actor().preload({"a", "b"}));
  reload();
  const auto next = begin(actor().preload({"c"}));
  launcher.run("a").ready();
  turn();
  EXPECT_TRUE(*old);
  EXPECT_EQ(launcher.starts("b"), 0);
  launcher.run("a").gone();
  launcher.run("c").ready();
  turn();
  EXPECT_TRUE(*next);
}

// ---- reload

TEST_F(SwapTest, AReloadLeavesTheUnchangedAlone) {
  Admission served = serve("a");
  Admission queued = actor().admit("b");
  config.models["a"].concurrency_limit = 1;
  config.models["a"].name = "another name";
  reload();
  EXPECT_EQ(served.phase(), Phase::served);
  EXPECT_EQ(queued.wait().reason, "busy");
  EXPECT_TRUE(launcher.run("a").stops.empty());
  EXPECT_EQ(actor().admit("a").refusal().kind, Refusal::too_many);
}

TEST_F(SwapTest, AChangedModelDrainsAndIsStartedAnewOnNextUse) {
  Admission old = serve("a");
  config.models["a"].cmd = "better-server";
  reload();
  Admission next = actor().admit("a");
  EXPECT_EQ(next.wait().reason, "busy");
  EXPECT_TRUE(launcher.run("a").stops.empty());
  { Admission over = std::move(old); }
  EXPECT_EQ(launcher.run("a").stops.size(), 1u);
  EXPECT_EQ(launcher.starts("a"), 1);
  launcher.run("a").gone();
  EXPECT_EQ(launcher.run("a").spec.cmd, "better-server");
  launcher.run("a").ready();
  EXPECT_EQ(next.phase(), Phase::served);
}

TEST_F(SwapTest, AChangedModelThatIsLoadingIsLoadedAgainForThoseWhoWait) {
  Admission a = actor().admit("a");
  config.models["a"].cmd = "better-server";
  reload();
  EXPECT_EQ(launcher.run("a").stops.size(), 1u);
  launcher.run("a").fail("aborted");
  EXPECT_EQ(log, Strings{});
  launcher.run("a").gone();
  EXPECT_EQ(launcher.run("a").spec.cmd, "better-server");
  launcher.run("a").ready();
  EXPECT_EQ(a.phase(), Phase::served);
}

TEST_F(SwapTest, ARemovedModelFinishesWhatItServes) {
  Admission a = serve("a");
  config.groups[0].members = {"b", "c"};
  config.models.erase("a");
  reload();
  EXPECT_EQ(actor().admit("a").refusal().kind, Refusal::unknown_model);
  EXPECT_TRUE(launcher.run("a").stops.empty());
  Admission b = actor().admit("b");
  EXPECT_EQ(b.wait().blockers, Strings{"a"});
  { Admission over = std::move(a); }
  EXPECT_EQ(launcher.run("a").stops, std::vector<std::chrono::milliseconds>{7s});
  launcher.run("a").gone();
  EXPECT_EQ(launcher.starts("b"), 1);
}

TEST_F(SwapTest, AnAddedModelCanBeUsed) {
  load("a");
  add("d");
  config.groups[0].members.push_back("d");
  reload();
  Admission d = actor().admit("d");
  EXPECT_EQ(d.wait().blockers, Strings{"a"});
  launcher.run("a").gone();
  launcher.run("d").ready();
  EXPECT_EQ(d.phase(), Phase::served);
}

TEST_F(SwapTest, NewTimeoutsNeedNoNewProcess) {
  Admission before = serve("a");
  const OpenConnection connection(loop, *before.served().upstream);
  config.models["a"].timeouts.response_header = 3s;
  reload();
  Admission after = serve("a");
  EXPECT_EQ(launcher.starts("a"), 1);
  EXPECT_NE(after.served().upstream, before.served().upstream);
  EXPECT_EQ(after.served().upstream->timeouts().response_header, 3s);
  launcher.run("a").exit();
  EXPECT_TRUE(connection.is_cut());
}

// ---- news

std::string text(const News& news) {
  struct {
    std::string operator()(const StateChange& n) const {
      return n.model + ": " + std::string(state_text(n.before)) + ">" +
             std::string(state_text(n.now)) + " " + n.reason;
    }
    std::string operator()(const SwapBegan& n) const {
      std::string out = n.model + ": swap " + n.reason;
      for (const std::string& model : n.displaced) out += " -" + model;
      return out;
    }
    std::string operator()(const SwapEnded& n) const { return n.model + ": swap " + n.outcome; }
    std::string operator()(const InstanceNews& n) const {
      static constexpr const char* kWhat[]{"started",  "ready", "failed", "exited",
                                           "stopping", "stuck", "gone"};
      return n.model + "#" + std::to_string(n.instance) + " " +
             kWhat[static_cast<std::size_t>(n.what)] + " " + n.reason +
             (n.text.empty() ? "" : ": " + n.text);
    }
  } visitor;
  return std::visit(visitor, news);
}

Strings told(std::vector<News>& news) {
  Strings out;
  for (const News& one : news) out.push_back(text(one));
  news.clear();
  return out;
}

TEST_F(SwapTest, ASwapIsToldWithItsReasons) {
  load("a");
  EXPECT_EQ(told(news),
            (Strings{"a: swap request", "a: stopped>starting request", "a#1 started request",
                     "a: starting>ready request", "a#1 ready request", "a: swap ready"}));
  const Admission b = actor().admit("b");
  EXPECT_EQ(told(news),
            (Strings{"b: swap request -a", "a: ready>stopping evicted", "a#1 stopping evicted"}));
  ASSERT_EQ(actor().swaps().size(), 1u);
  EXPECT_EQ(actor().swaps()[0].displaced, Strings{"a"});
  launcher.run("a").gone();
  EXPECT_EQ(told(news), (Strings{"a: stopping>stopped evicted", "a#1 gone evicted",
                                 "b: stopped>starting request", "b#2 started request"}));
  ASSERT_EQ(actor().instances().size(), 1u);
  EXPECT_EQ(actor().instances()[0].instance, 2u);
  EXPECT_FALSE(actor().instances()[0].ready);
  launcher.run("b").ready();
  EXPECT_TRUE(actor().instances()[0].ready);
  EXPECT_TRUE(actor().swaps().empty());
  news.clear();
  launcher.run("b").exit();
  EXPECT_EQ(told(news), (Strings{"b: ready>stopped exited", "b#2 exited exited: exit status 1"}));
  launcher.run("b").gone();
  EXPECT_EQ(told(news), Strings{"b#2 gone exited"});
}

TEST_F(SwapTest, AFailedStartIsTold) {
  const Admission a = actor().admit("a");
  news.clear();
  launcher.run("a").fail("no GPU");
  launcher.run("a").gone();
  EXPECT_EQ(told(news),
            (Strings{"a#1 failed start_failed: no GPU", "a: starting>stopped start_failed",
                     "a#1 gone start_failed", "a: swap start_failed"}));
}

TEST_F(SwapTest, TheQueueIsTold) {
  const Admission served = serve("a");
  queue_changes = 0;
  Admission b = actor().admit("b");
  EXPECT_EQ(queue_changes, 1);
  auto queue = actor().queue();
  ASSERT_EQ(queue.size(), 1u);
  EXPECT_EQ(queue[0].model, "b");
  EXPECT_EQ(queue[0].wait.reason, "busy");
  EXPECT_EQ(queue[0].wait.blockers, Strings{"a"});
  EXPECT_EQ(queue[0].wait.position, 1);
  b.withdraw();
  EXPECT_EQ(queue_changes, 2);
  EXPECT_TRUE(actor().queue().empty());
}

// ---- matrix

TEST_F(SwapTest, TheMatrixDecidesAndSaysWhy) {
  config.matrix = config::Matrix{{{"x", "b"}}, {{"b", 5}}, {{"s", "(x | c) & a"}}};
  load("b");
  load("a");  // fits in: said at debug level only
  Admission c = actor().admit("c");
  EXPECT_EQ(c.wait().blockers, Strings{"b"});
  launcher.run("b").gone();
  launcher.run("c").ready();
  EXPECT_EQ(c.phase(), Phase::served);
  load("a");
  EXPECT_EQ(launcher.starts("a"), 1);
  const Strings want{"matrix: model=b starting (no models running)",
                     "matrix: model=c set=s dsl=\"(x | c) & a\" evict=[b] target=[a c] cost=5"};
  EXPECT_EQ(log, want);
}

TEST_F(SwapTest, AReloadMayChangeTheRouter) {
  load("a");
  config.matrix = config::Matrix{{}, {}, {{"s", "a & b"}}};
  reload();
  load("b");  // beside a
  EXPECT_TRUE(launcher.run("a").stops.empty());
  Admission c = actor().admit("c");  // in no set: alone
  EXPECT_EQ(c.wait().blockers, (Strings{"a", "b"}));
  launcher.run("a").gone();
  launcher.run("b").gone();
  launcher.run("c").ready();
  EXPECT_EQ(log, Strings{R"(matrix: model=c set= dsl="" evict=[a b] target=[c] cost=0)"});
  EXPECT_EQ(c.phase(), Phase::served);
  config.matrix.reset();
  reload();
  { Admission over = std::move(c); }
  Admission b = actor().admit("b");
  EXPECT_EQ(b.wait().blockers, Strings{"c"});
  EXPECT_EQ(log.size(), 1u);
}

}  // namespace
}  // namespace llama_swap::swap
