#include "app/check_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "app/check_effective.h"
#include "config/diff.h"
#include "config/keys.h"
#include "config/report.h"
#include "util/text.h"

namespace llama_swap::app {
namespace {

using config::Change;
using config::Entry;
using config::Key;
using config::Node;
using config::Section;
using config::Type;

// Wherever they stand.
bool same(const Node& a, const Node& b) {
  return a.kind == b.kind && a.tag == b.tag && a.text == b.text &&
         std::ranges::equal(a.items, b.items, same) &&
         std::ranges::equal(a.entries, b.entries, [](const Entry& x, const Entry& y) {
           return x.key.text == y.key.text && same(x.value, y.value);
         });
}

using Paths = std::vector<std::string>;

void compare_sections(const Section& section, const Node* before, const Node* after,
                      const std::string& path, Paths& changed);

void compare_named(const Key& key, const Node* before, const Node* after, const std::string& path,
                   Paths& changed) {
  const auto find = [](const Node* node, const std::string& name) {
    return node ? node->find(name) : nullptr;
  };
  if (before)
    for (const Entry& entry : before->entries) {
      const std::string name = config::join_path(path, entry.key.text);
      const Node* now = find(after, entry.key.text);
      if (!now) {
        changed.push_back(name + " removed");
      } else if (now->is_null() != entry.value.is_null()) {
        changed.push_back(name);
      } else {
        compare_sections(*key.inside, &entry.value, now, name, changed);
      }
    }
  if (after)
    for (const Entry& entry : after->entries)
      if (!find(before, entry.key.text))
        changed.push_back(config::join_path(path, entry.key.text) + " added");
}

// Null: it has no value in it.
void compare_sections(const Section& section, const Node* before, const Node* after,
                      const std::string& path, Paths& changed) {
  for (const Key& key : section.keys) {
    const Node* old = before ? before->find(key.name) : nullptr;
    const Node* now = after ? after->find(key.name) : nullptr;
    const std::string here = config::join_path(path, key.name);
    if (key.type == Type::section) {
      compare_sections(*key.inside, old, now, here, changed);
    } else if (key.type == Type::sections) {
      if (path.empty() && key.name == "models") continue;  // have lines of their own
      compare_named(key, old, now, here, changed);
    } else if (old && now ? !same(*old, *now) : old || now) {
      changed.push_back(here);
    }
  }
}

std::string keys_text(const Paths& changed, bool launch) {
  Paths keys;
  for (const std::string& key : changed)
    if (config::is_launch_key(key) == launch) keys.push_back(key);
  return util::join(keys, ", ");
}

std::string model_effect(const std::string& id, Change change, const config::LoadResult& before,
                         const config::LoadResult& after, const Node& old, const Node& now) {
  if (change != Change::policy && change != Change::launch)
    return std::string(config::to_string(change));
  Paths changed;
  compare_sections(config::model_section(), old.find("models")->find(id),
                   now.find("models")->find(id), "", changed);
  const auto port = before.config->models.at(id).port, next = after.config->models.at(id).port;
  // The number may be the same; whether it is for this model alone is not.
  if (port.has_value() != next.has_value()) changed.emplace_back("${PORT}");
  const std::string policy = keys_text(changed, false);
  if (change == Change::policy) return "policy changed: " + policy;
  std::string out = "restarted on next use: " + keys_text(changed, true);
  if (port && next && port != next) out += fmt::format(" (port {} is now {})", *port, *next);
  return policy.empty() ? out : out + "; policy changed: " + policy;
}

}  // namespace

std::string reload_effect(const config::LoadResult& before, const config::LoadResult& after) {
  const Node old = effective(before), now = effective(after);
  std::string out;
  for (const auto& [id, change] : config::diff(*before.config, *after.config).models)
    out += fmt::format("{}: {}\n", id, model_effect(id, change, before, after, old, now));
  Paths global;
  compare_sections(config::root_section(), &old, &now, "", global);
  for (const std::string& key : global)
    out += fmt::format(
        "{}{}\n", key.ends_with(" added") || key.ends_with(" removed") ? "" : "changed: ", key);
  if (global.empty()) out += "no other setting changed\n";
  return out;
}

}  // namespace llama_swap::app
