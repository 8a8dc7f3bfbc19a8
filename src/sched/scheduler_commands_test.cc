// What the operator wants: unload, shutdown, reload.
#include <gtest/gtest.h>

#include "sched/play.h"

namespace llama_swap::sched {
namespace {

using testing::play;

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
