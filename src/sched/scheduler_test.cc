// The scheduler, case by case. Each step is a line of script (world.h) and what must come of it.
#include "sched/scheduler.h"

#include <gtest/gtest.h>

#include "sched/world.h"

namespace llama_swap::sched {
namespace {

struct Step {
  const char* line;
  const char* want;
};

void play(std::initializer_list<Step> steps) {
  testing::World world;
  for (const Step& step : steps) {
    SCOPED_TRACE(step.line);
    EXPECT_EQ(world.run(step.line), step.want);
    ASSERT_EQ(world.violation(), "");
  }
}

// ---- the worked examples of spec runtime 7.10

TEST(Scheduler, BusyThenSwap) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "2 busy a #1"},
        {"+ 3 a", "3 served"},
        {"- 1", ""},
        {"- 3", "stop a evicted; 2 stop a"},
        {"gone a", "start b; 2 load"},
        {"ready b", "2 served"},
        {"finish", ""}});
}

TEST(Scheduler, JoinsAndBatches) {
  play({{"model a b c", ""},
        {"+ 1 a", "start a; 1 load"},
        {"+ 2 b", "2 queue a #1"},
        {"+ 3 c", "3 queue a #2"},
        {"+ 4 a", "4 load"},
        {"+ 5 b", "5 queue a #3"},
        {"ready a", "1 served; 4 served; 2 busy a #1; 3 busy a #2; 5 busy a #3"},
        {"- 1", ""},
        {"- 4", "stop a evicted; 2 stop a; 3 queue b #1; 5 stop a"},
        {"gone a", "start b; 2 load; 5 load"},
        {"ready b", "2 served; 5 served; 3 busy b #1"},
        {"- 2", ""},
        {"- 5", "stop b evicted; 3 stop b"},
        {"gone b", "start c; 3 load"},
        {"finish", ""}});
}

TEST(Scheduler, ParallelStartsWithinASharedGroup) {
  play({{"group g noswap shared : x y", ""},
        {"+ 1 x", "start x; 1 load"},
        {"+ 2 y", "start y; 2 load"},
        {"finish", ""}});
}

TEST(Scheduler, ACompatibleRequestOvertakes) {
  play({{"group g : x z", ""},
        {"group h shared : w", ""},
        {"+ 1 x", "start x; 1 load"},
        {"ready x", "1 served"},
        {"+ 2 z", "2 busy x #1"},
        {"+ 3 w", "start w; 2 queue w #1; 3 load"},
        {"finish", ""}});
}

TEST(Scheduler, AModelThatIsReadyServesWhateverTheMatrixHasBecome) {
  play({{"matrix s : a & b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "start b; 2 load"},
        {"ready b", "2 served"},
        {"matrix s : a & c | b", ""},
        {"reload", ""},
        {"+ 3 a", "3 served"},
        {"+ 4 b", "4 served"},
        {"+ 5 c", "5 busy b #1"},
        {"finish", ""}});
}

TEST(Scheduler, PriorityOrdersTheQueue) {
  play({{"model a p q", ""},
        {"set p priority=10", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 q", "2 busy a #1"},
        {"+ 3 p", "2 busy a #2; 3 busy a #1"},
        {"- 1", "stop a evicted; 3 stop a; 2 queue p #1"},
        {"finish", ""}});
}

// ---- admission and slots

TEST(Scheduler, RefusesOverTheLimit) {
  play({{"model a", ""},
        {"set a limit=2", ""},
        {"+ 1 a", "start a; 1 load"},
        {"+ 2 a", "2 load"},
        {"+ 3 a", "3 refused too_many"},
        {"- 1", ""},
        {"+ 4 a", "4 load"},
        {"ready a", "2 served; 4 served"},
        {"+ 5 a", "5 refused too_many"},
        {"- 5", ""},
        {"p 6 a", "6 served"},
        {"- 2", ""},
        {"+ 7 a", "7 served"},
        {"finish", ""}});
}

TEST(Scheduler, RefusesWhatItDoesNotKnow) {
  play({{"model a", ""}, {"+ 1 a", "start a; 1 load"}, {"+ 2 b", "2 refused unknown_model"}});
}

TEST(Scheduler, LeavingTheQueueMovesTheOthersUp) {
  play({{"model a b c", ""},
        {"+ 1 a", "start a; 1 load"},
        {"+ 2 b", "2 queue a #1"},
        {"+ 3 c", "3 queue a #2"},
        {"- 2", "3 queue a #1"},
        {"ready a", "1 served; 3 busy a #1"},
        {"- 3", ""},
        {"- 1", ""},
        {"finish", ""}});
}

// ---- swaps

TEST(Scheduler, AWaitingRequestWhoseClientLeftStartsNothing) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"- 1", ""},
        {"+ 2 b", "stop a evicted; 2 stop a"},
        {"- 2", ""},
        {"gone a", ""},
        {"finish", ""}});
}

TEST(Scheduler, AModelThatIsStoppingIsWaitedForAndStartedAfresh) {
  play({{"model a", ""},
        {"set a ttl=5", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"- 1", ""},
        {"wait 5", "stop a ttl"},
        {"+ 2 a", "2 stop a"},
        {"+ 3 a", "3 stop a"},
        {"gone a", "start a; 2 load; 3 load"},
        {"ready a", "2 served; 3 served"},
        {"finish", ""}});
}

TEST(Scheduler, AFailedStartLeavesAllUsable) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"+ 2 a", "2 load"},
        {"+ 3 b", "3 queue a #1"},
        {"fail a", "1 refused start_failed; 2 refused start_failed; 3 stop a"},
        {"+ 4 a", "4 queue b #1"},
        {"gone a", "start b; 3 load"},
        {"ready b", "3 served; 4 busy b #1"},
        {"- 3", "stop b evicted; 4 stop b"},
        {"gone b", "start a; 4 load"},
        {"finish", ""}});
}

TEST(Scheduler, AnInstanceThatVanishesWhileStartingHasFailed) {
  play({{"model a", ""},
        {"+ 1 a", "start a; 1 load"},
        {"gone a", "1 refused start_failed"},
        {"+ 2 a", "start a; 2 load"},
        {"finish", ""}});
}

TEST(Scheduler, ACrashLeavesItsRequestsToTheirFate) {
  play({{"model a", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"exit a", ""},
        {"+ 2 a", "2 stop a"},
        {"gone a", "start a; 2 load"},
        {"ready a", "2 served"},
        {"- 1", ""},  // of the first instance: must not count against the second
        {"- 2", ""},
        {"finish", ""}});
}

TEST(Scheduler, ACrashFreesItsPlace) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "2 busy a #1"},
        {"exit a", "2 stop a"},
        {"gone a", "start b; 2 load"},
        {"finish", ""}});
}

TEST(Scheduler, AReadyModelDisplacesWhoCameAfterIt) {
  play({{"group g : x", ""},
        {"group h shared : n", ""},
        {"+ 1 x", "start x; 1 load"},
        {"ready x", "1 served"},
        {"+ 2 n", "start n; 2 load"},
        {"+ 3 x", "3 queue n #1"},
        {"ready n", "2 served; 3 busy n #1"},
        {"- 2", "stop n evicted; 3 stop n"},
        {"+ 4 x", "4 stop n"},
        {"gone n", "3 served; 4 served"},
        {"finish", ""}});
}

TEST(Scheduler, SwapsSideBySide) {
  play({{"group g : a b", ""},
        {"group h persistent shared : c d", ""},
        {"+ 1 a", "start a; 1 load"},
        {"+ 2 c", "start c; 2 load"},
        {"ready a", "1 served"},
        {"- 1", ""},
        {"+ 3 b", "stop a evicted; 3 stop a"},
        {"ready c", "2 served"},
        {"- 2", ""},
        {"+ 4 d", "stop c evicted; 4 stop c"},
        {"gone c", "start d; 4 load"},
        {"gone a", "start b; 3 load"},
        {"finish", ""}});
}

TEST(Scheduler, LateNewsOfAForgottenStartIsIgnored) {
  play({{"model a", ""},
        {"+ 1 a", "start a; 1 load"},
        {"unload a", "stop a unload; 1 refused unloaded"},
        {"+ 2 a", "2 stop a"},
        {"ready a", ""},
        {"fail a", ""},
        {"exit a", ""},
        {"late a", ""},
        {"gone a", "start a; 2 load"},
        {"ready a", "2 served"},
        {"finish", ""}});
}

// ---- loads nobody waits for

TEST(Scheduler, AnAbandonedLoadIsGivenUpWhenOthersNeedThePlace) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"wait 2", ""},
        {"- 1", ""},
        {"wait 60", ""},
        {"+ 2 b", "stop a abandoned; 2 stop a"},
        {"gone a", "start b; 2 load"},
        {"finish", ""}});
}

TEST(Scheduler, AnAbandonedLoadHasSomeGrace) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"- 1", ""},
        {"+ 2 b", "2 queue a #1"},
        {"wait 4.9", ""},
        {"wait 0.1", "stop a abandoned; 2 stop a"},
        {"finish", ""}});
}

TEST(Scheduler, AnAbandonedLoadThatIsJoinedAgainGoesOn) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"- 1", ""},
        {"+ 2 b", "2 queue a #1"},
        {"+ 3 a", "3 load"},
        {"wait 20", ""},
        {"ready a", "3 served; 2 busy a #1"},
        {"finish", ""}});
}

TEST(Scheduler, AnAbandonedLoadThatIsNearlyDoneGoesOn) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"wait 10", ""},
        {"ready a", "1 served"},  // measured: 10 s
        {"unload a", "stop a unload"},
        {"gone a", ""},
        {"- 1", ""},
        {"+ 2 a", "start a; 2 load"},
        {"wait 4", ""},
        {"- 2", ""},
        {"+ 3 b", "3 queue a #1"},
        {"wait 10.9", ""},  // 5 s of grace end at 9 s: nearly done until 15 s
        {"wait 0.1", "stop a abandoned; 3 stop a"},
        {"finish", ""}});
}

TEST(Scheduler, APreloadIsNeverGivenUp) {
  play({{"model a b", ""},
        {"p 1 a", "start a preload; 1 load"},
        {"+ 2 a", "2 load"},
        {"- 1", ""},
        {"- 2", ""},
        {"+ 3 b", "3 queue a #1"},
        {"wait 25", ""},
        {"ready a", "stop a evicted; 3 stop a"},
        {"finish", ""}});
}

TEST(Scheduler, APreloadIsDoneWhenItsModelIsReady) {
  play({{"model a b", ""},
        {"p 1 a", "start a preload; 1 load"},
        {"p 2 b", "2 queue a #1"},
        {"ready a", "stop a evicted; 1 served; 2 stop a"},
        {"gone a", "start b preload; 2 load"},
        {"ready b", "2 served"},
        {"- 1", ""},
        {"- 2", ""},
        {"finish", ""}});
}

// ---- unload and shutdown

TEST(Scheduler, UnloadRefusesThoseWhoWaitAndHoldsUpNobodyElse) {
  play({{"group g : a b", ""},
        {"group h shared persistent : c", ""},
        {"+ 1 a", "start a; 1 load"},
        {"+ 2 c", "start c; 2 load"},
        {"ready a", "1 served"},
        {"ready c", "2 served"},
        {"+ 3 b", "3 busy a #1"},
        {"+ 4 b", "4 busy a #2"},
        {"unload a b", "stop a unload; 3 refused unloaded; 4 refused unloaded"},
        {"+ 5 c", "5 served"},
        {"+ 6 b", "6 stop a"},
        {"- 1", ""},
        {"gone a", "start b; 6 load"},
        {"finish", ""}});
}

TEST(Scheduler, UnloadCancelsASwapThatStillStopsOthers) {
  play({{"model a b c", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"- 1", ""},
        {"+ 2 b", "stop a evicted; 2 stop a"},
        {"+ 3 c", "3 queue b #1"},
        {"unload b", "2 refused unloaded; 3 stop a"},
        {"gone a", "start c; 3 load"},
        {"finish", ""}});
}

TEST(Scheduler, UnloadOfWhatIsStoppedDoesNothing) {
  play({{"model a", ""}, {"unload a", ""}, {"+ 1 a", "start a; 1 load"}, {"finish", ""}});
}

TEST(Scheduler, ShutdownRefusesAndStopsEverything) {
  play({{"group g noswap shared : a b c", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "start b; 2 load"},
        {"+ 3 c", "start c; 3 load"},
        {"ready c", "3 served"},
        {"- 3", ""},
        {"unload c", "stop c unload"},
        {"shutdown", "stop a shutdown; stop b shutdown; stop c shutdown; 2 refused shutting_down"},
        {"+ 4 a", "4 refused shutting_down"},
        {"finish", ""}});
}

// ---- time to live

TEST(Scheduler, TtlCountsFromTheEndOfTheLastRequest) {
  play({{"model a", ""},
        {"set a ttl=10", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"wait 60", ""},
        {"- 1", ""},
        {"wait 9", ""},
        {"+ 2 a", "2 served"},
        {"- 2", ""},
        {"wait 9.9", ""},
        {"wait 0.1", "stop a ttl"},
        {"finish", ""}});
}

TEST(Scheduler, BecomingReadyIsActivity) {
  play({{"model a", ""},
        {"set a ttl=10", ""},
        {"+ 1 a", "start a; 1 load"},
        {"- 1", ""},
        {"wait 100", ""},
        {"ready a", ""},
        {"wait 9.9", ""},
        {"wait 0.1", "stop a ttl"},
        {"finish", ""}});
}

// The time is up, but nobody has looked at the clock yet.
TEST(Scheduler, ARequestAtTheLastMomentKeepsTheModel) {
  struct NoStop : Effects {
    void swap_begins(ModelId, const Models&, const Models&, StartReason) override {}
    void swap_ends(ModelId, SwapEnd) override {}
    void start(const Instance& i) override { started = i.id; }
    void stop(const Instance&) override { ADD_FAILURE() << "stopped"; }
    void changed(Ticket&) override {}
    InstanceId started = 0;
  } effects;
  const util::Time start{util::seconds{100}};
  Scheduler scheduler({{{true, 10, 0, util::seconds{5}}},
                       std::make_shared<GroupPolicy>(std::vector<Group>{}),
                       {},
                       {}},
                      effects);
  Ticket first;
  scheduler.arrive(first, start);
  scheduler.ready(effects.started, start);
  scheduler.end(first, start);
  EXPECT_EQ(scheduler.next_deadline(), start + util::seconds{5});
  Ticket second;
  scheduler.arrive(second, start + util::seconds{6});
  EXPECT_EQ(second.phase, Ticket::Phase::served);
  scheduler.end(second, start + util::seconds{6});
}

// ---- fairness

TEST(Scheduler, AnOverdueTicketFixesWhoIsServedBeforeIt) {
  play({{"model a b", ""},
        {"maxwait 10", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "2 busy a #1"},
        {"wait 9.9", ""},
        {"+ 3 a", "3 served"},
        {"wait 0.1", ""},
        {"+ 4 a", "4 overdue b #2"},
        {"- 1", ""},
        {"+ 5 b", "5 busy a #3"},
        {"- 3", "stop a evicted; 2 stop a; 4 queue b #1; 5 stop a"},
        {"gone a", "start b; 2 load; 5 load"},
        {"ready b", "2 served; 5 served; 4 busy b #1"},
        {"finish", ""}});
}

TEST(Scheduler, TheOriginalNeverPreventsStarvation) {
  play({{"model a b", ""},
        {"maxwait never", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "2 busy a #1"},
        {"wait 100000", ""},
        {"+ 3 a", "3 served"},
        {"finish", ""}});
}

TEST(Scheduler, TheDefaultLimitIsThirtySeconds) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "2 busy a #1"},
        {"wait 29.9", ""},
        {"+ 3 a", "3 served"},
        {"wait 0.1", ""},
        {"+ 4 a", "4 overdue b #2"},
        {"finish", ""}});
}

TEST(Scheduler, OrTwiceTheMeasuredLoadTimes) {
  play({{"model a b", ""},
        {"+ 1 b", "start b; 1 load"},
        {"wait 10", ""},
        {"ready b", "1 served"},
        {"- 1", ""},
        {"+ 2 a", "stop b evicted; 2 stop b"},
        {"gone b", "start a; 2 load"},
        {"wait 15", ""},
        {"ready a", "2 served"},
        {"+ 3 b", "3 busy a #1"},
        {"wait 49.9", ""},
        {"+ 4 a", "4 served"},
        {"wait 0.1", ""},
        {"+ 5 a", "5 overdue b #2"},
        {"finish", ""}});
}

TEST(Scheduler, NobodyIsAddedToALoadThatAnOverdueTicketWaitsFor) {
  play({{"model a b", ""},
        {"maxwait 10", ""},
        {"+ 1 a", "start a; 1 load"},
        {"+ 2 b", "2 queue a #1"},
        {"wait 10", ""},
        {"+ 3 a", "3 overdue b #2"},
        {"ready a", "1 served; 2 busy a #1"},
        {"- 1", "stop a evicted; 2 stop a; 3 queue b #1"},
        {"finish", ""}});
}

TEST(Scheduler, OverdueBeatsPriority) {
  play({{"model a b c", ""},
        {"set c priority=5", ""},
        {"maxwait 10", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "2 busy a #1"},
        {"wait 5", ""},
        {"+ 3 c", "2 busy a #2; 3 busy a #1"},
        {"wait 5", "3 overdue b #2; 2 busy a #1"},
        {"- 1", "stop a evicted; 2 stop a; 3 queue b #1"},
        {"finish", ""}});
}

TEST(Scheduler, AnOverdueTicketThatLeavesLiftsItsClaim) {
  play({{"model a b", ""},
        {"maxwait 10", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "2 busy a #1"},
        {"wait 10", ""},
        {"+ 3 a", "3 overdue b #2"},
        {"- 2", "3 served"},
        {"+ 4 a", "4 served"},
        {"finish", ""}});
}

TEST(Scheduler, AnOverdueTicketDoesNotHoldUpWhatDoesNotConflict) {
  play({{"group g : a b", ""},
        {"group h persistent shared noswap : c d", ""},
        {"maxwait 10", ""},
        {"+ 1 a", "start a; 1 load"},
        {"+ 2 c", "start c; 2 load"},
        {"ready a", "1 served"},
        {"ready c", "2 served"},
        {"+ 3 b", "3 busy a #1"},
        {"wait 10", ""},
        {"+ 4 a", "4 overdue b #2"},
        {"+ 5 c", "5 served"},
        {"+ 6 d", "start d; 6 load"},
        {"finish", ""}});
}

// ---- residency

TEST(Scheduler, AFreshModelStaysForAWhile) {
  play({{"model a b", ""},
        {"minresidency 20", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"- 1", ""},
        {"+ 2 b", "2 residency a #1"},
        {"wait 19.9", ""},
        {"+ 3 a", "3 served"},
        {"- 3", ""},
        {"wait 0.1", "stop a evicted; 2 stop a"},
        {"finish", ""}});
}

TEST(Scheduler, ResidencyBeatsMaxWait) {
  play({{"model a b", ""},
        {"minresidency 20", ""},
        {"maxwait 5", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "2 residency a #1"},
        {"wait 19.9", ""},
        {"+ 3 a", "3 served"},
        {"wait 0.1", "2 busy a #1"},
        {"+ 4 a", "4 overdue b #2"},
        {"finish", ""}});
}

TEST(Scheduler, ResidencyOfALoadThatEndsAfterTheTicketIsOverdue) {
  play({{"model a b", ""},
        {"minresidency 20", ""},
        {"maxwait 5", ""},
        {"+ 1 a", "start a; 1 load"},
        {"+ 2 b", "2 queue a #1"},
        {"wait 5", ""},
        {"+ 3 a", "3 overdue b #2"},
        {"ready a", "1 served; 2 residency a #1; 3 served"},
        {"+ 4 a", "4 served"},
        {"wait 20", "2 busy a #1"},
        {"+ 5 a", "5 overdue b #2"},
        {"finish", ""}});
}

TEST(Scheduler, ResidencyDoesNotStopAnUnload) {
  play({{"model a", ""},
        {"minresidency 20", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"unload a", "stop a unload"},
        {"finish", ""}});
}

// ---- stuck

TEST(Scheduler, WhatConflictsWithAStuckModelWaitsVisiblyAndTheRestLivesOn) {
  play({{"group g : a b", ""},
        {"group h shared : c", ""},
        {"maxwait 10", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"- 1", ""},
        {"+ 2 b", "stop a evicted; 2 stop a"},
        {"stuck a", "2 stuck a #1"},
        {"+ 3 a", "3 stuck a #2"},
        {"+ 4 b", "4 stuck a #3"},
        {"wait 100", ""},
        {"+ 5 c", "start c; 5 load"},
        {"ready c", "5 served"},
        {"- 5", ""},
        {"finish", ""}});
}

TEST(Scheduler, AStuckModelThatGoesAfterAllFreesItsPlace) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"- 1", ""},
        {"+ 2 b", "stop a evicted; 2 stop a"},
        {"stuck a", "2 stuck a #1"},
        {"gone a", "start b; 2 load"},
        {"finish", ""}});
}

TEST(Scheduler, ADissolvedSwapGivesItsWaitersTheirOldPlaces) {
  play({{"model a b c", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"- 1", ""},
        {"+ 2 b", "stop a evicted; 2 stop a"},
        {"+ 3 c", "3 queue b #1"},
        {"+ 4 b", "4 stop a"},
        {"stuck a", "2 stuck a #1; 3 stuck a #2; 4 stuck a #3"},
        {"finish", ""}});
}

// ---- reload

TEST(Scheduler, AReloadLeavesTheUnchangedAlone) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"+ 2 b", "2 busy a #1"},
        {"set a limit=2", ""},
        {"reload", ""},
        {"+ 3 a", "3 served"},
        {"+ 4 a", "4 refused too_many"},
        {"finish", ""}});
}

TEST(Scheduler, AChangedModelDrainsStopsAndStartsOnNextUse) {
  play({{"model a", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"reload a", ""},
        {"+ 2 a", "2 busy a #1"},
        {"- 1", "stop a reload; 2 stop a"},
        {"gone a", "start a; 2 load"},
        {"ready a", "2 served"},
        {"- 2", ""},
        {"reload a", "stop a reload"},
        {"gone a", ""},
        {"finish", ""}});
}

TEST(Scheduler, AChangedModelThatIsLoadingIsLoadedAgainForThoseWhoWait) {
  play({{"model a", ""},
        {"+ 1 a", "start a; 1 load"},
        {"reload a", "stop a reload; 1 stop a"},
        {"fail a", ""},
        {"gone a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"finish", ""}});
}

TEST(Scheduler, AChangedModelThatIsLoadingForNobodyIsNotLoadedAgain) {
  play({{"model a", ""},
        {"+ 1 a", "start a; 1 load"},
        {"- 1", ""},
        {"reload a", "stop a reload"},
        {"gone a", ""},
        {"finish", ""}});
}

TEST(Scheduler, ARemovedModelFinishesWhatItServes) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"drop a", ""},
        {"reload", ""},
        {"+ 2 a", "2 refused unknown_model"},
        {"+ 3 b", "3 busy a #1"},
        {"- 1", "stop a removed; 3 stop a"},
        {"gone a", "start b; 3 load"},
        {"finish", ""}});
}

TEST(Scheduler, ARemovedModelRefusesThoseWhoWait) {
  play({{"model a b", ""},
        {"+ 1 a", "start a; 1 load"},
        {"+ 2 b", "2 queue a #1"},
        {"drop a", ""},
        {"drop b", ""},
        {"reload", "stop a removed; 1 refused unloaded; 2 refused unloaded"},
        {"readd a", ""},
        {"reload", ""},
        {"+ 3 a", "3 stop a"},
        {"gone a", "start a; 3 load"},
        {"finish", ""}});
}

TEST(Scheduler, ANewPolicyIsAskedAgainBeforeALoadBegins) {
  play({{"group g : a b", ""},
        {"group h shared persistent noswap : c", ""},
        {"+ 1 a", "start a; 1 load"},
        {"ready a", "1 served"},
        {"- 1", ""},
        {"+ 2 c", "start c; 2 load"},
        {"ready c", "2 served"},
        {"+ 3 b", "stop a evicted; 3 stop a"},
        {"group h shared noswap : c", ""},
        {"reload", ""},
        {"gone a", "3 busy c #1"},
        {"- 2", "stop c evicted; 3 stop c"},
        {"gone c", "start b; 3 load"},
        {"finish", ""}});
}

}  // namespace
}  // namespace llama_swap::sched
