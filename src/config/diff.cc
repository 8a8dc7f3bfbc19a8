#include "config/diff.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace llama_swap::config {
namespace {

// Each with its key. What only says how long to wait is none: see process::LaunchSpec.
auto launch_settings(const Model& model) {
  return std::tie(model.cmd, model.cmd_stop, model.env, model.proxy, model.check_endpoint,
                  model.stop_scope);
}
constexpr std::array<std::string_view, 6> kLaunchKeys{"cmd",   "cmdStop",       "env",
                                                      "proxy", "checkEndpoint", "stopScope"};
static_assert(std::tuple_size_v<decltype(launch_settings(Model()))> == kLaunchKeys.size());

Change compare(const Model& before, const Model& after) {
  if (launch_settings(before) != launch_settings(after)) return Change::launch;
  return before == after ? Change::unchanged : Change::policy;
}

}  // namespace

Diff diff(const Config& before, const Config& after) {
  Diff out;
  for (const auto& [id, model] : before.models) {
    const auto now = after.models.find(id);
    out.models[id] = now == after.models.end() ? Change::removed : compare(model, now->second);
  }
  for (const auto& [id, model] : after.models) out.models.emplace(id, Change::added);
  return out;
}

bool is_launch_key(std::string_view key) {
  return std::ranges::find(kLaunchKeys, key) != kLaunchKeys.end();
}

std::string_view to_string(Change change) {
  switch (change) {
    case Change::unchanged:
      return "unchanged";
    case Change::policy:
      return "policy changed";
    case Change::launch:
      return "launch settings changed";
    case Change::added:
      return "added";
    case Change::removed:
      return "removed";
  }
  return "";
}

}  // namespace llama_swap::config
