#include "app/check_explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "app/check_secrets.h"
#include "config/command.h"
#include "config/matrix_sets.h"
#include "config/names.h"
#include "swap/model_table.h"
#include "util/text.h"
#include "util/time.h"

namespace llama_swap::app {
namespace {

// "label:" in a column of its own; further lines of a value go below.
void line(std::string& out, std::string_view label, std::string_view value) {
  out += fmt::format("{:<13}{}\n", label.empty() ? "" : fmt::format("{}:", label), value);
}

void lines(std::string& out, std::string_view label, const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    line(out, label, value);
    label = {};
  }
}

std::string seconds_or(std::chrono::nanoseconds duration, std::string_view none) {
  return duration.count() <= 0 ? std::string(none) : util::duration_text(duration);
}

void explain_start(const config::Model& model, const Secrets& secrets, std::string& out) {
  const auto arguments = secrets.in_arguments(config::split_command(model.cmd));
  if (arguments.empty()) line(out, "command", "none: it cannot be started");
  lines(out, "command", arguments);
  std::vector<std::string> env;
  for (const std::string& entry : model.env) env.push_back(secrets.in_env(entry));
  if (env.empty()) env.emplace_back("as the daemon's");
  lines(out, "environment", env);
  line(out, "port", model.port ? std::to_string(*model.port) : "not from ${PORT}");
  line(out, "proxy",
       model.proxy.empty() ? "none: it cannot be started" : secrets.in_text(model.proxy));
  line(out, "ready",
       model.check_endpoint == "none"
           ? "as soon as it runs"
           : fmt::format("when GET {} answers 200, within {}", model.check_endpoint,
                         util::duration_text(model.health_check_timeout)));
}

void explain_stop(const config::Model& model, const Secrets& secrets, std::string& out) {
  const auto arguments = secrets.in_arguments(config::split_command(model.cmd_stop));
  if (arguments.empty()) line(out, "stop", "SIGTERM to the process group");
  lines(out, "stop", arguments);
  line(out, "",
       fmt::format("then SIGKILL, after {}; {}", util::duration_text(model.unload_timeout),
                   model.stop_scope == config::StopScope::tree
                       ? "what is left of the process tree goes, too"
                       : "processes that left the group are left alone"));
}

void explain_limits(const config::Config& config, const config::Model& model, std::string& out) {
  line(out, "idle",
       model.ttl.count() == 0 ? "stays loaded"
                              : fmt::format("unloaded after {}", util::duration_text(model.ttl)));
  line(out, "requests", fmt::format("{} at a time", model.concurrency_limit));
  line(out, "timeouts",
       fmt::format("connect {}, head of the answer {}",
                   seconds_or(model.timeouts.connect, "unlimited"),
                   seconds_or(model.timeouts.response_header, "unlimited")));
  const auto priority = config.scheduling.priority.find(model.id);
  if (priority != config.scheduling.priority.end())
    line(out, "priority", std::to_string(priority->second));
  if (std::ranges::find(config.preload, model.id) != config.preload.end())
    line(out, "preload", "started with the daemon");
}

void explain_group(const config::Config& config, const config::Model& model, std::string& out) {
  for (const config::Group& group : config.groups) {
    if (std::ranges::find(group.members, model.id) == group.members.end()) continue;
    line(out, "group",
         fmt::format("{}: {}, {}, {}", group.id, group.swap ? "swap" : "no swap",
                     group.exclusive ? "exclusive" : "not exclusive",
                     group.persistent ? "persistent" : "not persistent"));
    line(out, "", "members " + util::join(group.members, ", "));
  }
}

void explain_sets(const config::Config& config, const swap::ModelTable& table,
                  const config::Model& model, std::string& out) {
  const auto number = [&](const std::string& id) { return table.find(id); };
  // The configuration was checked when it was loaded.
  const auto sets = config::build_sets(*config.matrix, config.models, number).value();
  // Children come before their parents.
  std::vector<bool> holds;
  for (const auto& term : sets.terms()) {
    const auto children = sets.children(term);
    holds.push_back(children.empty()
                        ? term.of == table.find(model.id)
                        : std::ranges::any_of(children, [&](auto child) { return holds[child]; }));
  }
  std::vector<std::string> found;
  for (std::size_t set = 0; set < sets.size(); ++set)
    if (holds[sets.root(set)])
      found.push_back(fmt::format("{}: {}", sets.name(set), sets.expression(set)));
  if (found.empty()) found.emplace_back("none: it runs alone");
  lines(out, "sets", found);
}

// What a start of `target` does to those that run.
std::string displaced(const swap::ModelTable& table, const sched::Policy& policy,
                      sched::ModelId target, const sched::Models& running) {
  const sched::Models gone = policy.evictions(target, running);
  std::string out = gone.empty() ? "stops nothing" : "stops " + util::join(table.names(gone), ", ");
  const auto why = policy.explain(target, running);
  if (!why) return out;
  out += why->set.empty() ? " (no set has it with others)"
                          : fmt::format(" (set {}, cost {})", why->set, why->cost);
  return why->exact ? out : out + " (not all combinations were looked at)";
}

void explain_evictions(const swap::ModelTable& table, const config::Model& model,
                       std::string& out) {
  const sched::ModelId target = table.find(model.id);
  const auto policy = table.settings().policy;
  sched::Models others;
  for (sched::ModelId id = 0; id < table.size(); ++id)
    if (id != target) others.push_back(id);
  std::vector<std::string> found;
  for (const sched::ModelId other : others)
    found.push_back(fmt::format("while {} runs: {}", table.name(other),
                                displaced(table, *policy, target, {other})));
  if (others.size() > 1)
    found.push_back("while all others run: " + displaced(table, *policy, target, others));
  if (found.empty()) found.emplace_back("nothing: it is the only model");
  lines(out, "makes room", found);
}

std::string explain_model(const config::ConfigPtr& config, const config::Model& model) {
  const Secrets secrets(*config);
  const swap::ModelTable table(config);
  std::string out;
  line(out, "model", model.id);
  if (!model.aliases.empty()) line(out, "aliases", util::join(model.aliases, ", "));
  explain_start(model, secrets, out);
  explain_stop(model, secrets, out);
  explain_limits(*config, model, out);
  if (config->matrix) {
    explain_sets(*config, table, model, out);
  } else {
    explain_group(*config, model, out);
  }
  explain_evictions(table, model, out);
  return out;
}

std::string explain_selector(const config::Selector& selector) {
  std::string out;
  line(out, "selector", selector.id);
  line(out, "strategy",
       selector.strategy == config::Strategy::warm  ? "warm"
       : selector.strategy == config::Strategy::pin ? "pin"
                                                    : "spillover");
  lines(out, "targets", selector.targets);
  return out;
}

}  // namespace

std::optional<std::string> explain(const config::ConfigPtr& config, const std::string& name) {
  // Selectors come first.
  if (const auto selector = config->selectors.find(name); selector != config->selectors.end())
    return explain_selector(selector->second);
  const config::Resolved found = config::resolve(*config, name);
  if (found.model) return explain_model(config, *found.model);
  if (!found.peer) return std::nullopt;
  std::string out;
  line(out, "peer", found.peer->id);
  line(out, "model", found.peer_model);
  line(out, "proxy", Secrets(*config).in_text(found.peer->proxy));
  return out;
}

}  // namespace llama_swap::app
