// Fuzz target: any bytes as a matrix, and as a question to it. It may be refused, but nothing may
// crash, hang or fill the memory, and what is answered must fit the question.
//
// A line is a set, "name: expression"; the last one tells what runs, by letters.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "matrix/solver.h"
#include "util/text.h"

namespace {

using namespace llama_swap;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_answer(const matrix::Solution& found, matrix::Model target,
                  const std::vector<matrix::Running>& running) {
  const bool target_runs =
      std::ranges::find(running, target, &matrix::Running::model) != running.end();
  check(!target_runs || found.evicted.empty());
  check(found.set || found.cost == 0);
  check(found.set || target_runs || found.evicted.size() == running.size());
  if (!found.set) return;
  check(std::ranges::binary_search(found.combination, target));
  std::int64_t cost = 0;
  for (const auto& model : running) {
    const bool evicted = std::ranges::find(found.evicted, model.model) != found.evicted.end();
    check(evicted != std::ranges::binary_search(found.combination, model.model));
    if (evicted) cost += model.cost;
  }
  check(cost == found.cost);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto lines = util::split(text, '\n');
  const std::string_view what_runs = lines.back();
  lines.pop_back();

  matrix::Sets::Definitions definitions;
  for (const std::string_view line : lines) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string_view rest = line.substr(std::min(colon + 1, line.size()));
    definitions.emplace_back(line.substr(0, colon), rest);
  }
  // The models are all names of one byte.
  const auto lookup = [](std::string_view name) {
    return name.size() == 1 ? std::optional<matrix::Model>(static_cast<unsigned char>(name[0]))
                            : std::nullopt;
  };
  const auto sets = matrix::Sets::build(definitions, lookup);
  if (!sets) {
    for (const auto& fault : sets.error()) {
      check(!fault.message.empty());
      check(fault.set < definitions.size() && fault.at <= definitions[fault.set].second.size());
    }
    return 0;
  }

  std::vector<matrix::Running> running;
  std::vector<matrix::Model> models;
  for (const char name : what_runs) {
    const auto model = static_cast<matrix::Model>(static_cast<unsigned char>(name));
    if (std::ranges::find(models, model) != models.end()) continue;
    models.push_back(model);
    running.push_back({model, 1 + model % 5});
  }
  for (matrix::Model target : {'a', 'b', 'z'})
    check_answer(matrix::solve(*sets, target, running), target, running);
  const bool together = matrix::can_run_together(*sets, models);
  for (matrix::Model model : models)
    check(!together || matrix::can_run_together(*sets, std::vector{model}));
  return 0;
}
