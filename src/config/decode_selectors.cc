// Selectors and profiles: names that stand for other names (5.4, 5.5).
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/decode.h"
#include "config/matrix_sets.h"
#include "config/names.h"
#include "matrix/solver.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

using namespace std::chrono_literals;

bool blank(std::string_view text) {
  return util::trim(text).empty();
}

// Not an error: what the name resolves to.
std::optional<Resolved> check_target(const Reader& body, const Placed<std::string>& target,
                                     std::size_t index, Strategy strategy,
                                     const std::vector<Placed<Reader>>& selectors,
                                     const Config& config) {
  const auto wrong = [&](std::string_view why) {
    body.error_at(target.at, "targets",
                  fmt::format("target {} ({}) {}", index, in_quotes(target.value), why));
    return std::nullopt;
  };
  if (std::ranges::find(selectors, target.value, &Placed<Reader>::name) != selectors.end())
    return wrong("is a selector: selectors cannot be chained");
  const Resolved found = resolve(config, target.value);
  if (!found) return wrong("is no known model, alias or peer model");
  if (strategy == Strategy::warm && !found.model)
    return wrong("is not local, as strategy warm requires");
  return found;
}

// Only then can a request go to a second local target without stopping the first.
bool share_group(const std::vector<Resolved>& targets, const Config& config) {
  const auto has = [](const Group& group, const Resolved& target) {
    return !target.model ||
           std::ranges::find(group.members, target.model->id) != group.members.end();
  };
  return std::ranges::any_of(config.groups, [&](const Group& group) {
    return !group.swap &&
           std::ranges::all_of(targets, [&](const Resolved& target) { return has(group, target); });
  });
}

// The same with a matrix. One that has errors has been reported.
bool share_combination(const std::vector<Resolved>& targets, const Config& config) {
  std::map<std::string, matrix::Model> numbers;
  const auto number = [&numbers](const std::string& id) {
    return numbers.emplace(id, static_cast<matrix::Model>(numbers.size())).first->second;
  };
  const auto sets = build_sets(*config.matrix, config.models, number);
  std::vector<matrix::Model> models;
  for (const Resolved& target : targets)
    if (target.model) models.push_back(number(target.model->id));
  return !sets || matrix::can_run_together(*sets, models);
}

void check_spillover(const Reader& body, const std::vector<Placed<std::string>>& names,
                     const std::vector<Resolved>& targets, const Config& config) {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto first = std::ranges::find(targets, targets[i]) - targets.begin();
    if (static_cast<std::size_t>(first) == i) continue;
    body.error_at(names[i].at, "targets",
                  fmt::format("target {} ({}) is the same model as target {}", i,
                              in_quotes(names[i].value), first));
  }
  const auto local = std::ranges::count_if(
      targets, [](const Resolved& target) { return target.model != nullptr; });
  if (local < 2) return;
  if (config.matrix) {
    if (share_combination(targets, config)) return;
    body.error("targets",
               "strategy spillover needs its local targets in one combination of the matrix");
  } else if (!share_group(targets, config)) {
    body.error(
        "targets",
        "strategy spillover needs its local targets in one and the same group with swap: false");
  }
}

Strategy read_strategy(const Reader& body) {
  if (body.string("strategy").empty()) {
    body.error("strategy", "required: warm, pin or spillover");
    return Strategy::pin;
  }
  const std::string strategy = body.choice("strategy");
  return strategy == "warm"        ? Strategy::warm
         : strategy == "spillover" ? Strategy::spillover
                                   : Strategy::pin;
}

void check_selector_id(const Placed<Reader>& entry, const Config& config) {
  const auto wrong = [&](std::string_view why) {
    entry.value.error_at(entry.name_at, "",
                         fmt::format("the selector name {} {}", in_quotes(entry.name), why));
  };
  if (blank(entry.name)) return wrong("is blank");
  if (config.models.contains(entry.name)) return wrong("is a model ID, too");
  if (config.aliases.contains(entry.name)) return wrong("is an alias, too");
}

Selector read_selector(const Placed<Reader>& entry, const std::vector<Placed<Reader>>& all,
                       const Config& config) {
  const Reader& body = entry.value;
  Selector selector;
  selector.id = entry.name;
  selector.strategy = read_strategy(body);
  const Reader settings = body.section("settings");
  selector.spillover = saturated(settings.integer("spillover"));
  selector.retry_after =
      std::chrono::ceil<milliseconds>(settings.duration("retryAfter").value_or(0s));
  selector.name = body.string("name");
  selector.description = body.string("description");
  selector.unlisted = body.boolean("unlisted");
  if (body.has("metadata")) selector.metadata = body.object("metadata");

  const auto targets = body.placed_strings("targets");
  if (targets.empty()) body.error("targets", "at least one target required");
  std::vector<Resolved> resolved;
  for (const auto& target : targets) {
    selector.targets.push_back(target.value);
    if (auto found =
            check_target(body, target, selector.targets.size() - 1, selector.strategy, all, config))
      resolved.push_back(std::move(*found));
  }
  if (selector.strategy != Strategy::spillover) return selector;
  if (selector.spillover < 1) settings.error("spillover", "must be at least 1");
  if (resolved.size() == targets.size()) check_spillover(body, targets, resolved, config);
  return selector;
}

Profile read_profile(const Placed<Reader>& entry, const Config& config) {
  const Reader& body = entry.value;
  Profile profile;
  profile.name = entry.name;
  profile.description = body.string("description");
  if (blank(entry.name))
    body.error_at(entry.name_at, "", "the name of a profile must not be blank");
  for (auto& pin : body.string_map("pins")) {
    const std::string key = fmt::format("pins.{}", pin.name);
    if (blank(pin.name)) {
      body.error_at(pin.name_at, "pins",
                    fmt::format("a pin of profile {} has a blank name", in_quotes(entry.name)));
    } else if (!pin.value.empty() && !resolve(config, pin.value) &&
               !config.selectors.contains(pin.value)) {
      body.error_at(
          pin.at, key,
          fmt::format("target {} of pin {} is no known model, alias, peer model or selector",
                      in_quotes(pin.value), in_quotes(pin.name)));
    }
    profile.pins.emplace_back(std::move(pin.name), std::move(pin.value));
  }
  if (!body.has_entries("pins"))
    body.error("pins", fmt::format("profile {} needs at least one pin", in_quotes(entry.name)));
  return profile;
}

}  // namespace

void read_selectors(const Reader& root, Config& config) {
  const auto entries = root.sections("selectors");
  for (const auto& entry : entries) {
    check_selector_id(entry, config);
    config.selectors.emplace(entry.name, read_selector(entry, entries, config));
  }
}

void read_profiles(const Reader& root, Config& config) {
  constexpr std::string_view kHint = "profiles are no lists any more: give description and pins";
  for (const auto& entry : root.sections("profiles", kHint))
    config.profiles.emplace(entry.name, read_profile(entry, config));
}

}  // namespace llama_swap::config
