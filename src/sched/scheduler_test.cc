// Which requests are served, which wait, and what is loaded and stopped for them.
#include "sched/scheduler.h"

#include <gtest/gtest.h>

#include "sched/play.h"

namespace llama_swap::sched {
namespace {

using testing::play;

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

}  // namespace
}  // namespace llama_swap::sched
