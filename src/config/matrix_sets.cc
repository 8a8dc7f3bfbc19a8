#include "config/matrix_sets.h"

#include <optional>
#include <string_view>
#include <unordered_map>

namespace llama_swap::config {

tl::expected<matrix::Sets, std::vector<matrix::SetFault>> build_sets(
    const Matrix& matrix, const std::map<std::string, Model>& models,
    const std::function<matrix::Model(const std::string& id)>& number) {
  std::unordered_map<std::string_view, const std::string*> vars;
  for (const auto& [name, id] : matrix.vars) vars.emplace(name, &id);
  const auto lookup = [&](std::string_view name) -> std::optional<matrix::Model> {
    if (const auto var = vars.find(name); var != vars.end()) return number(*var->second);
    const auto model = models.find(std::string(name));
    return model == models.end() ? std::nullopt : std::optional(number(model->first));
  };
  return matrix::Sets::build(matrix.sets, lookup);
}

}  // namespace llama_swap::config
