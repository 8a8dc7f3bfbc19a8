#include "server/selector.h"

#include <gtest/gtest.h>

#include <vector>

#include "util/text.h"

namespace llama_swap::server {
namespace {

using config::Strategy;
using State = Candidate::State;

// "ready:2 cold peer:1!": state, requests that run there, '!' shunned, '-' tried in vain.
std::vector<Candidate> candidates(std::string_view text) {
  std::vector<Candidate> out;
  for (std::string_view word : util::split(text, ' ')) {
    if (word.empty()) continue;
    Candidate c;
    for (; word.ends_with('!') || word.ends_with('-'); word.remove_suffix(1))
      (word.back() == '!' ? c.shunned : c.tried) = true;
    const auto colon = std::min(word.find(':'), word.size());
    if (colon < word.size()) c.running = word[colon + 1] - '0';
    const std::string_view state = word.substr(0, colon);
    c.state = state == "ready"      ? State::ready
              : state == "starting" ? State::starting
              : state == "stopping" ? State::stopping
              : state == "peer"     ? State::peer
                                    : State::stopped;
    out.push_back(c);
  }
  return out;
}

struct Case {
  Strategy strategy;
  int limit;
  const char* candidates;
  std::uint64_t turn;
  const char* want;  // letter of the target, '*' if it took a turn; or the error
};

constexpr const char* kNone = "selector \"s\" has no available spillover targets";

TEST(Choose, Table) {
  static const Case cases[] = {
      {Strategy::pin, 1, "cold ready", 0, "a"},
      {Strategy::pin, 1, "stopping ready", 0, "a"},
      {Strategy::pin, 1, "cold! ready", 0, "a"},  // there is no other
      {Strategy::pin, 1, "cold- ready", 0, "selector has no targets"},
      {Strategy::pin, 1, "", 0, "selector has no targets"},

      {Strategy::warm, 1, "cold cold", 0, "a"},
      {Strategy::warm, 1, "cold starting", 0, "b"},
      {Strategy::warm, 1, "starting ready", 0, "b"},
      {Strategy::warm, 1, "cold ready ready", 0, "b"},
      {Strategy::warm, 1, "starting starting", 0, "a"},
      {Strategy::warm, 1, "stopping stopping", 0, "a"},
      {Strategy::warm, 1, "stopping cold", 0, "a"},
      {Strategy::warm, 1, "cold! cold", 0, "b"},
      {Strategy::warm, 1, "starting! cold", 0, "b"},
      {Strategy::warm, 1, "cold! cold!", 0, "a"},
      {Strategy::warm, 1, "cold- cold!", 0, "b"},
      {Strategy::warm, 1, "cold- cold-", 0, "selector has no targets"},

      // nobody is active: the first cold one
      {Strategy::spillover, 2, "cold cold cold", 0, "a"},
      {Strategy::spillover, 2, "stopping cold", 0, "b"},
      {Strategy::spillover, 2, "peer cold", 0, "a"},
      {Strategy::spillover, 2, "stopping stopping", 0, kNone},
      {Strategy::spillover, 2, "stopping:1 stopping", 0, kNone},
      // below the limit: the active ones with the fewest requests, in turn
      {Strategy::spillover, 2, "cold:1 cold", 0, "a*"},
      {Strategy::spillover, 2, "cold ready", 0, "b*"},
      {Strategy::spillover, 2, "ready:1 starting", 7, "b*"},
      {Strategy::spillover, 2, "ready:1 ready:1 cold", 0, "a*"},
      {Strategy::spillover, 2, "ready:1 ready:1 cold", 1, "b*"},
      {Strategy::spillover, 2, "ready:1 ready:1 ready:1", 5, "c*"},
      {Strategy::spillover, 2, "peer peer:1", 0, "b*"},
      // the example of the specification
      {Strategy::spillover, 2, "cold:2 cold cold", 1, "b"},
      {Strategy::spillover, 2, "ready:1 ready:1 ready", 1, "c*"},
      // at the limit: a cold one, else all the same in turn
      {Strategy::spillover, 2, "ready:2 cold peer", 0, "b"},
      {Strategy::spillover, 2, "ready:2 stopping peer", 0, "c"},
      {Strategy::spillover, 2, "ready:2 ready:3", 1, "a*"},
      {Strategy::spillover, 2, "ready:2 ready:2", 3, "b*"},
      {Strategy::spillover, 1, "ready:1 cold", 0, "b"},
      // those that could not be reached: only where there is no other
      {Strategy::spillover, 2, "peer! peer", 0, "b"},
      {Strategy::spillover, 2, "peer! peer:5", 0, "b*"},
      {Strategy::spillover, 2, "peer! stopping", 0, "a"},
      {Strategy::spillover, 2, "peer! peer!", 0, "a"},
      {Strategy::spillover, 2, "peer- peer!", 0, "b"},
      {Strategy::spillover, 2, "peer- peer-", 0, kNone},
  };
  for (const Case& c : cases) {
    config::Selector selector;
    selector.id = "s";
    selector.strategy = c.strategy;
    selector.spillover = c.limit;
    const auto choice = choose(selector, candidates(c.candidates), c.turn);
    std::string got =
        choice ? std::string(1, static_cast<char>('a' + choice->target)) : choice.error().message;
    if (choice && choice->took_turn) got += '*';
    EXPECT_EQ(got, c.want) << c.candidates;
  }
}

TEST(SelectorTable, Counts) {
  SelectorTable table;
  {
    const auto first = table.reserve("s", "a", false);
    auto second = table.reserve("s", "a", true);
    EXPECT_EQ(table.running("s", "a"), 2);
    EXPECT_EQ(table.turn("s"), 1u);
    second = table.reserve("s", "b", true);
    EXPECT_EQ(table.running("s", "a"), 1);
    EXPECT_EQ(table.running("s", "b"), 1);
    EXPECT_EQ(table.running("other", "a"), 0);
    second.release();
    second.release();
    EXPECT_EQ(table.running("s", "b"), 0);
  }
  EXPECT_EQ(table.running("s", "a"), 0);
  EXPECT_EQ(table.turn("s"), 2u);
}

TEST(SelectorTable, ReloadKeepsWhatStays) {
  SelectorTable table;
  config::Config config;
  config.selectors["stays"].id = "stays";
  auto stays = table.reserve("stays", "a", true);
  auto goes = table.reserve("goes", "a", true);
  table.keep_those_of(config);
  EXPECT_EQ(table.running("stays", "a"), 1);
  EXPECT_EQ(table.running("goes", "a"), 0);
  const auto again = table.reserve("goes", "a", false);
  goes.release();  // was another count
  EXPECT_EQ(table.running("goes", "a"), 1);
  EXPECT_EQ(table.turn("goes"), 0u);
}

}  // namespace
}  // namespace llama_swap::server
