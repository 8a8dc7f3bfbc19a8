// What runs: swaps, stops, and what is told of them.
#include "swap/swap_fixture.h"

namespace llama_swap::swap {
namespace {

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
