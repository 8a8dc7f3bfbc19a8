// What is commanded: unload, shutdown, preload, reload.
#include "swap/swap_fixture.h"

namespace llama_swap::swap {
namespace {

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

}  // namespace
}  // namespace llama_swap::swap
