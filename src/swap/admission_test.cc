// What becomes of requests.
#include "swap/swap_fixture.h"

namespace llama_swap::swap {
namespace {

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

}  // namespace
}  // namespace llama_swap::swap
