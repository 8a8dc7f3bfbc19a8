// What the clock decides: time to live, fairness, residency.
#include <gtest/gtest.h>

#include <memory>

#include "sched/play.h"
#include "sched/scheduler.h"

namespace llama_swap::sched {
namespace {

using testing::play;

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

}  // namespace
}  // namespace llama_swap::sched
