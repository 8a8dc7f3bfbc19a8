// Random histories: whatever happens, in whatever order, every promise that World checks is kept. A
// history that breaks one is made as short as possible and printed; put it into a file and name it
// in SCHED_SCRIPT to see it again step by step.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>

#include "sched/world.h"

namespace llama_swap::sched {
namespace {

using testing::World;
using Script = std::vector<std::string>;

constexpr int kHistories = 10'000;

class History {
 public:
  explicit History(unsigned seed) : random_(seed) {}

  // Plays a history as it is made up, to its end or to the first broken promise.
  std::string play() {
    setup();
    const int length = between(10, 60);
    for (int i = 0; i < length && world_.violation().empty(); ++i) run(next());
    run("finish");
    return world_.violation();
  }
  const Script& script() const { return script_; }

 private:
  int between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool chance(int percent) { return between(1, 100) <= percent; }
  template <class T>
  const T& any(const std::vector<T>& list) {
    return list[static_cast<std::size_t>(between(0, static_cast<int>(list.size()) - 1))];
  }

  void run(const std::string& line) {
    script_.push_back(line);
    world_.run(line);
  }

  void setup() {
    const Script names{"a", "b", "c", "d", "e", "f"};
    std::size_t next_name = 0;
    const int groups = between(1, 3);
    for (int g = 0; g < groups; ++g) {
      std::string line = fmt::format("group g{}", g);
      if (chance(30)) line += " noswap";
      if (chance(30)) line += " shared";
      if (chance(25)) line += " persistent";
      line += " :";
      const int members = between(1, 3);
      for (int m = 0; m < members && next_name < names.size(); ++m)
        line += " " + names[next_name++];
      if (!line.ends_with(":")) run(line);
    }
    if (next_name < names.size()) run("model " + names[next_name++]);
    if (chance(25)) {
      names_.assign(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(next_name));
      for (int set = between(1, 2); set > 0; --set) run(matrix_line(set));
    }
    for (std::size_t i = 0; i < next_name; ++i) {
      run(fmt::format("set {} ttl={} limit={} priority={}", names[i],
                      chance(40) ? between(1, 9) : 0, between(1, 4),
                      chance(30) ? between(-2, 2) : 0));
    }
    if (chance(70)) run(chance(15) ? "maxwait never" : fmt::format("maxwait {}", between(1, 12)));
    if (chance(30)) run(fmt::format("minresidency {}", between(1, 8)));
  }

  // A set of the matrix: alternatives, each of one to three models or choices between two.
  std::string matrix_line(int set) {
    std::string line = fmt::format("matrix s{} : ", set);
    for (int alternative = between(1, 3); alternative > 0; --alternative) {
      for (int factor = between(1, 3); factor > 0; --factor) {
        line += chance(70) ? any(names_) : fmt::format("( {} | {} )", any(names_), any(names_));
        line += factor > 1 ? " & " : "";
      }
      line += alternative > 1 ? " | " : "";
    }
    return line;
  }

  // Something that may happen now. Requests and their ends are the most frequent, as in life.
  std::string next() {
    const World::Seen seen = world_.look();
    switch (between(0, 19)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        return fmt::format("+ {} {}", ++tickets_, any(seen.models));
      case 6:
        return fmt::format("{} {} {}", chance(30) ? "p" : "+", ++tickets_, any(seen.models));
      case 7:
      case 8:
      case 9:
        if (!seen.served.empty()) return fmt::format("- {}", any(seen.served));
        break;
      case 10:
        if (!seen.waiting.empty()) return fmt::format("- {}", any(seen.waiting));
        break;
      case 11:
      case 12:
      case 13:
        if (!seen.starting.empty()) return (chance(80) ? "ready " : "fail ") + any(seen.starting);
        break;
      case 14:
      case 15:
        if (!seen.leaving.empty()) return ending() + any(seen.leaving);
        break;
      case 16:
        if (!seen.ready.empty() && chance(40)) return "exit " + any(seen.ready);
        if (!seen.stuck.empty() && chance(40)) return "gone " + any(seen.stuck);
        break;
      case 17:
        return rare(seen);
      default:
        break;
    }
    return fmt::format("wait {}.{}", chance(20) ? between(1, 20) : between(0, 2), between(0, 9));
  }

  // What may be heard of something that is leaving.
  std::string ending() {
    if (chance(65)) return "gone ";
    if (chance(40)) return "stuck ";
    return chance(70) ? "fail " : chance(50) ? "ready " : "exit ";
  }

  std::string rare(const World::Seen& seen) {
    switch (between(0, 9)) {
      case 0:
      case 1:
      case 2:
        return "unload " + any(seen.models);
      case 3:
        return chance(50) ? "late " + any(seen.models) : "gone " + any(seen.models);
      case 4:
        return fmt::format("{} {}", chance(50) ? "drop" : "readd", any(seen.models));
      case 5:
        return "reload " + any(seen.models);
      case 6:
        return fmt::format("group g0{} : {}", chance(50) ? "" : " shared noswap", any(seen.models));
      case 7:
        if (!names_.empty() && chance(50)) return matrix_line(1);
        return fmt::format("maxwait {}", between(0, 9));
      case 8:
        return chance(10) ? "shutdown" : "reload";
      default:
        return "reload";
    }
  }

  std::mt19937 random_;
  World world_;
  Script script_;
  int tickets_ = 0;
  Script names_;  // of models; empty: there is no matrix
};

std::string replay(const Script& script) {
  World world;
  for (const std::string& line : script) {
    world.run(line);
    if (!world.violation().empty()) break;
  }
  return world.violation();
}

// Takes out every line without which the same promise is still broken.
Script shorten(Script script, const std::string& violation) {
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (std::size_t i = script.size(); i-- > 0;) {
      Script without = script;
      without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
      if (replay(without) != violation) continue;
      script = std::move(without);
      shorter = true;
    }
  }
  return script;
}

TEST(History, RandomHistoriesKeepEveryPromise) {
  for (unsigned seed = 1; seed <= kHistories; ++seed) {
    History history(seed);
    const std::string violation = history.play();
    if (violation.empty()) continue;
    std::string text;
    for (const std::string& line : shorten(history.script(), violation)) text += line + "\n";
    FAIL() << violation << "\nseed " << seed << ", script:\n" << text;
  }
}

// Scripts of old failures, and the one named in the environment.
TEST(History, Replay) {
  static const Script scripts[] = {
      {"model a b", "+ 1 a", "ready a", "+ 2 b", "exit a", "stuck a", "+ 3 a", "gone a", "finish"},
  };
  for (const Script& script : scripts) EXPECT_EQ(replay(script), "");

  const char* path = std::getenv("SCHED_SCRIPT");
  if (!path) return;
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  World world;
  for (std::string line; std::getline(file, line);) {
    std::cout << line << "\n    " << world.run(line) << "\n";
    ASSERT_EQ(world.violation(), "");
  }
}

}  // namespace
}  // namespace llama_swap::sched
