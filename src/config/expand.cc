#include "config/expand.h"

#include <fmt/format.h>

#include <unordered_map>
#include <unordered_set>

namespace llama_swap::config {
namespace {

// Where in the file we are, as far as merge keys treat it differently.
enum class Place { root, models, model, macros, other };

Place inside(Place place, std::string_view key) {
  switch (place) {
    case Place::root:
      return key == "models" ? Place::models : key == "macros" ? Place::macros : Place::other;
    case Place::models:
      return Place::model;
    case Place::model:
      return key == "macros" ? Place::macros : Place::other;
    case Place::macros:
    case Place::other:
      break;
  }
  return Place::other;
}

class Expander {
 public:
  explicit Expander(Report& report) : report_(report) {}

  // Collects the anchors. Whether there is anything to expand.
  bool index(const Node& node) {
    bool found = node.kind == Kind::alias;
    if (node.anchor > 0 && !found) anchors_.emplace(node.anchor, &node);
    for (const Node& item : node.items) found |= index(item);
    for (const Entry& entry : node.entries) found |= index(entry.value) || entry.key.is_merge_key();
    return found;
  }

  Node expand(const Node& node, Place place, int depth) {
    if (node.kind == Kind::alias) return expand(target(node), place, depth + 1);
    Node out;
    if (!spend(node, depth)) return out;
    out.kind = node.kind;
    out.tag = node.tag;
    out.plain = node.plain;
    out.start = node.start;
    out.end = node.end;
    out.text = node.text;
    out.items.reserve(node.items.size());
    for (const Node& item : node.items) out.items.push_back(expand(item, Place::other, depth + 1));
    if (node.kind == Kind::mapping) expand_entries(node, place, depth, out);
    return out;
  }

 private:
  // The merged tree's node where it still exists (a later file may have added to it), else as it
  // was in its file.
  const Node& target(const Node& alias) const {
    const auto found = anchors_.find(alias.anchor);
    return found == anchors_.end() ? *alias.target : *found->second;
  }

  bool spend(const Node& node, int depth) {
    nodes_ += 1;
    bytes_ += node.text.size();
    if (nodes_ <= kMaxNodes && bytes_ <= kMaxExpandedBytes && depth <= 2 * kMaxDepth) return true;
    if (!exhausted_)
      report_.error(node.start, "", "aliases expand to more than a configuration may hold");
    exhausted_ = true;
    return false;
  }

  void expand_entries(const Node& node, Place place, int depth, Node& out) {
    bool merges = false;
    out.entries.reserve(node.entries.size());
    for (const Entry& entry : node.entries) {
      if (place != Place::macros && entry.key.is_merge_key()) {
        merges = true;
      } else if (spend(entry.key, depth)) {
        out.entries.push_back(
            {entry.key, expand(entry.value, inside(place, entry.key.text), depth + 1)});
      }
    }
    if (!merges) return;
    std::unordered_set<std::string> taken;
    for (const Entry& entry : out.entries) taken.insert(entry.key.text);
    for (const Entry& entry : node.entries)
      if (entry.key.is_merge_key()) merge_into(entry, place, depth, out, taken);
  }

  void merge_into(const Entry& merge, Place place, int depth, Node& out,
                  std::unordered_set<std::string>& taken) {
    const Node& value = merge.value.kind == Kind::alias ? target(merge.value) : merge.value;
    std::vector<const Node*> bases;
    if (value.kind == Kind::sequence) {
      for (const Node& item : value.items)
        bases.push_back(item.kind == Kind::alias ? &target(item) : &item);
    } else {
      bases.push_back(&value);
    }
    for (const Node* base : bases) {
      if (base->kind != Kind::mapping) {
        report_.error(merge.key.start, "<<", "a merge needs a mapping, or a list of mappings");
        return;
      }
      Node expanded = expand(*base, place, depth + 1);
      for (Entry& entry : expanded.entries)
        if (taken.insert(entry.key.text).second) out.entries.push_back(std::move(entry));
    }
  }

  Report& report_;
  std::unordered_map<int, const Node*> anchors_;
  int nodes_ = 0;
  std::size_t bytes_ = 0;
  bool exhausted_ = false;
};

}  // namespace

Node expand(Node root, Report& report) {
  Expander expander(report);
  return expander.index(root) ? expander.expand(root, Place::root, 0) : std::move(root);
}

}  // namespace llama_swap::config
