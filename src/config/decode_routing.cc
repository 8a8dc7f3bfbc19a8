// Scheduler and router: old and new spelling, groups, matrix (7.1 to 7.4).
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "config/decode.h"
#include "config/matrix_sets.h"
#include "config/natural_order.h"

namespace llama_swap::config {
namespace {

constexpr std::string_view kDefaultGroup = "(default)";
constexpr std::size_t kMaxVarLength = 32;

void read_wait(const Reader& fifo, std::string_view key, std::optional<milliseconds>& out) {
  const auto value = fifo.duration(key);
  if (!value) return;
  out = std::chrono::ceil<milliseconds>(*value);  // the least wait is not none
}

void read_scheduler(const Reader& scheduler, Config& config) {
  if (scheduler.has("use") && !scheduler.string("use").empty()) scheduler.choice("use");
  const Reader fifo = scheduler.section("settings").section("fifo");
  for (const auto& priority : fifo.integer_map("priority")) {
    const Model* model = config.find_model(priority.name);
    if (!model) {
      fifo.error_at(priority.name_at, join_path("priority", priority.name),
                    fmt::format("unknown model {}", in_quotes(priority.name)));
    } else if (model->id == priority.name) {
      config.scheduling.priority[model->id] = saturated(priority.value);
    } else {
      config.scheduling.priority.emplace(
          model->id, saturated(priority.value));  // an alias: the id itself wins
    }
  }
  read_wait(fifo, "maxWait", config.scheduling.max_wait);
  std::optional<milliseconds> residency;
  read_wait(fifo, "minResidency", residency);
  config.scheduling.min_residency = residency.value_or(milliseconds(0));
}

// Reports a member that cannot be one.
bool valid_member(const Reader& body, const Placed<std::string>& member, const std::string& group,
                  const std::map<std::string, std::string>& group_of, const Config& config) {
  const auto wrong = [&](const std::string& why) {
    body.error_at(
        member.at, "members",
        fmt::format("member {} of group {} {}", in_quotes(member.value), in_quotes(group), why));
    return false;
  };
  const Model* model = config.find_model(member.value);
  if (!model) return wrong("is no known model");
  if (model->id != member.value)
    return wrong(fmt::format("is an alias: name the model itself, {}", in_quotes(model->id)));
  const auto other = group_of.find(member.value);
  if (other == group_of.end()) return true;
  if (other->second == group) return wrong("is given twice");
  return wrong(fmt::format("is in group {}, too", in_quotes(other->second)));
}

void read_groups(const std::vector<Placed<Reader>>& groups, Config& config) {
  std::map<std::string, std::string> group_of;  // model -> group
  for (const auto& entry : groups) {
    const Reader& body = entry.value;
    if (entry.name == kDefaultGroup) {
      body.error_at(entry.name_at, "",
                    "the group name (default) is reserved for the models of no other group");
      continue;
    }
    Group group;
    group.id = entry.name;
    group.swap = body.boolean("swap");
    group.exclusive = body.boolean("exclusive");
    group.persistent = body.boolean("persistent");
    for (const auto& member : body.placed_strings("members")) {
      if (!valid_member(body, member, entry.name, group_of, config)) continue;
      group_of.emplace(member.value, entry.name);
      group.members.push_back(member.value);
    }
    config.groups.push_back(std::move(group));
  }
  Group rest;
  rest.id = kDefaultGroup;
  for (const auto& [id, model] : config.models)
    if (!group_of.contains(id)) rest.members.push_back(id);
  config.groups.push_back(std::move(rest));
}

bool is_var_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxVarLength && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
  });
}

void read_vars(const Reader& reader, const Config& config, Matrix& matrix) {
  for (auto& var : reader.string_map("vars")) {
    const std::string key = join_path("vars", var.name);
    if (!is_var_name(var.name)) {
      reader.error_at(
          var.name_at, key,
          fmt::format("invalid var {}: must match ^[a-zA-Z0-9.-]{{1,32}}$", in_quotes(var.name)));
    } else if (!config.models.contains(var.value)) {
      reader.error_at(
          var.at, key,
          fmt::format("var {}: {} is no model ID", in_quotes(var.name), in_quotes(var.value)));
    }
    matrix.vars.emplace_back(std::move(var.name), std::move(var.value));
  }
}

void read_costs(const Reader& reader, const Config& config, Matrix& matrix) {
  for (const auto& cost : reader.integer_map("evict_costs")) {
    const std::string key = join_path("evict_costs", cost.name);
    const auto var =
        std::ranges::find(matrix.vars, cost.name, &std::pair<std::string, std::string>::first);
    const bool is_var = var != matrix.vars.end();
    if (!is_var && !config.models.contains(cost.name)) {
      reader.error_at(cost.name_at, key,
                      fmt::format("{} is neither a var nor a model ID", in_quotes(cost.name)));
    }
    matrix.evict_costs[is_var ? var->second : cost.name] = cost.value;
  }
}

void read_sets(const Reader& reader, const Config& config, Matrix& matrix) {
  for (auto& set : reader.string_map("sets"))
    matrix.sets.emplace_back(std::move(set.name), std::move(set.value));
  std::ranges::sort(matrix.sets, natural_less, &std::pair<std::string, std::string>::first);
  if (!reader.has_entries("sets")) reader.error("sets", "the matrix needs at least one set");

  const auto built = build_sets(matrix, config.models, [](const std::string&) { return 0; });
  if (built) return;
  for (const auto& fault : built.error()) {
    const auto& [name, expression] = matrix.sets[fault.set];
    const int before = length(std::string_view(expression).substr(0, fault.at));
    reader.error_at(reader.at_character("sets", name, before), join_path("sets", name),
                    fault.message);
  }
}

Matrix read_matrix(const Reader& reader, const Config& config) {
  Matrix matrix;
  read_vars(reader, config, matrix);
  read_costs(reader, config, matrix);
  read_sets(reader, config, matrix);
  return matrix;
}

// Where the settings of the router are to be read. Nothing: that is contradictory, as reported.
struct Chosen {
  Reader settings;  // holds `groups` and `matrix`
  bool matrix = false;
};
std::optional<Chosen> choose_router(const Reader& root) {
  const Reader router = root.section("routing").section("router");
  const Reader settings = router.section("settings");
  const std::string use = router.has("use") ? router.string("use") : "";
  const bool old_matrix = root.has("matrix"), old_groups = root.has_entries("groups");
  const bool new_style = !use.empty() || settings.has("matrix") || settings.has_entries("groups");
  if (new_style && (old_matrix || old_groups)) {
    const std::string_view key = old_matrix ? "matrix" : "groups";
    root.error(key, fmt::format("cannot be used together with routing.router: migrate it to "
                                "routing.router.settings.{} and remove it here",
                                key));
    return std::nullopt;
  }
  if (old_matrix && old_groups) {
    root.error("matrix", "matrix and groups cannot both be used, only one of them");
    return std::nullopt;
  }
  if (!new_style) return Chosen{root, old_matrix};
  if (!use.empty() && router.choice("use") != use) return std::nullopt;
  if (use == "matrix" && !settings.has("matrix")) {
    router.error("use", "use: matrix needs routing.router.settings.matrix");
    return std::nullopt;
  }
  return Chosen{settings, use == "matrix"};
}

}  // namespace

void read_routing(const Reader& root, Config& config) {
  read_scheduler(root.section("routing").section("scheduler"), config);
  const auto chosen = choose_router(root);
  if (!chosen) return;
  if (chosen->matrix) config.matrix = read_matrix(chosen->settings.section("matrix"), config);
  read_groups(chosen->matrix ? std::vector<Placed<Reader>>() : chosen->settings.sections("groups"),
              config);
}

}  // namespace llama_swap::config
