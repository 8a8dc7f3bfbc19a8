// How long the matrix takes to decide: microseconds for one question, by kind of expression.
//
//   matrix        the median of many repetitions each
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "matrix/solver.h"

namespace {

using namespace llama_swap;

struct Case {
  const char* name;
  std::string expression;  // models are numbers; 0 is what is asked for
  std::vector<int> running;
  int repetitions;
};

std::string joined(int count, const char* separator, const std::function<std::string(int)>& part) {
  std::string out;
  for (int i = 0; i < count; ++i) out += (i > 0 ? separator : "") + part(i);
  return out;
}

// One model of each of `groups` groups; the number of a member is up to `member`.
std::string one_of_each(int groups, int members, const std::function<int(int, int)>& member) {
  return joined(groups, " & ", [&](int group) {
    const auto name = [&](int i) { return std::to_string(member(group, i)); };
    return "(" + joined(members, " | ", name) + ")";
  });
}

std::vector<int> every(int step, int from, int to) {
  std::vector<int> out;
  for (int i = from; i < to; i += step) out.push_back(i);
  return out;
}

std::vector<Case> cases() {
  unsigned random = 1;
  const auto any = [&random](int, int) {
    random = random * 1664525 + 1013904223;
    return static_cast<int>(random >> 8) % 120;
  };
  const std::string hard =
      "0 & " + joined(40, " & ", [&](int) {
        return "(" + joined(8, " | ", [&](int) { return one_of_each(3, 1, any); }) + ")";
      });
  return {
      {"ten groups of ten, 20 models running",
       one_of_each(10, 10, [](int group, int i) { return group * 10 + i; }), every(5, 1, 101),
       10'000},
      {"fifty groups of four, 100 models running",
       one_of_each(50, 4, [](int group, int i) { return group * 4 + i; }), every(2, 1, 201),
       10'000},
      {"ten groups of ten of the same 20 models, all running",
       one_of_each(10, 10, [](int group, int i) { return (group * 7 + i * 3) % 20; }),
       every(1, 1, 20), 1'000},
      {"40 factors of 8 random triples of 120 models: given up", hard, every(1, 1, 120), 21},
  };
}

double median_us(const Case& question, bool& exact) {
  const auto lookup = [](std::string_view name) {
    return static_cast<matrix::Model>(std::stoi(std::string(name)));
  };
  const auto sets = matrix::Sets::build({{"s", question.expression}}, lookup);
  std::vector<matrix::Running> running;
  for (int model : question.running)
    running.push_back({static_cast<matrix::Model>(model), 1 + model % 7});
  std::vector<double> times;
  for (int i = 0; i < question.repetitions; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    exact = matrix::solve(*sets, 0, running).exact;
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
    times.push_back(took.count());
  }
  std::ranges::nth_element(times, times.begin() + question.repetitions / 2);
  return times[times.size() / 2];
}

}  // namespace

int main() {
  for (const Case& question : cases()) {
    bool exact = false;
    const double took = median_us(question, exact);
    std::printf("%10.1f us  %s%s\n", took, question.name, exact ? "" : " (not exact)");
  }
}
