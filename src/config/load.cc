#include "config/load.h"

#include <algorithm>
#include <set>

#include "config/decode.h"
#include "config/env.h"
#include "config/expand.h"
#include "config/merge.h"
#include "config/sources.h"
#include "config/templates.h"

namespace llama_swap::config {
namespace {

void collect_targets(const Node& node, std::set<int>& anchors) {
  if (node.kind == Kind::alias) anchors.insert(node.anchor);
  for (const Node& item : node.items) collect_targets(item, anchors);
  for (const Entry& entry : node.entries) collect_targets(entry.value, anchors);
}

bool holds_one_of(const Node& node, const std::set<int>& anchors) {
  if (node.kind != Kind::alias && anchors.contains(node.anchor)) return true;
  return std::ranges::any_of(node.items,
                             [&](const Node& item) { return holds_one_of(item, anchors); }) ||
         std::ranges::any_of(
             node.entries, [&](const Entry& entry) { return holds_one_of(entry.value, anchors); });
}

// Top-level keys that are there for what others take from them.
std::vector<std::string> anchor_holders(const Node& root) {
  std::set<int> anchors;
  collect_targets(root, anchors);
  std::vector<std::string> out;
  if (anchors.empty()) return out;
  for (const Entry& entry : root.entries)
    if (holds_one_of(entry.value, anchors)) out.push_back(entry.key.text);
  return out;
}

// `root`: the finished tree.
std::optional<Config> build(const std::vector<Source>& sources, const EnvLookup& env, Node& root,
                            Report& report) {
  std::vector<Node> documents;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (auto document = read_document(sources[i], static_cast<int>(i), env, report))
      documents.push_back(std::move(*document));
  if (report.failed()) return std::nullopt;

  Node merged = merge(std::move(documents), report);
  if (report.failed()) return std::nullopt;
  const std::vector<std::string> silent = anchor_holders(merged);
  root = expand(std::move(merged), report);
  if (report.failed()) return std::nullopt;
  warn_unknown_keys(root, silent, report);

  const Ports ports = apply_templates(root, report);
  if (report.failed() && root.find("macros"))
    return std::nullopt;  // the macros themselves are wrong
  check_placeholders(root, report);
  Config config = decode(root, ports, report);
  if (report.failed()) return std::nullopt;
  return config;
}

}  // namespace

LoadResult load_texts(std::vector<Source> sources, const EnvLookup& env) {
  Report report(sources);
  Node root;
  auto config = build(sources, env, root, report);
  LoadResult out;
  out.problems = report.take();
  if (config) {
    out.config = std::make_shared<const Config>(std::move(*config));
    out.tree = std::make_shared<const Node>(std::move(root));
  }
  for (Source& source : sources) out.sources.push_back(std::move(source.name));
  return out;
}

LoadResult load_text(std::string name, std::string text, const EnvLookup& env) {
  std::vector<Source> sources;
  sources.push_back({std::move(name), std::move(text)});
  return load_texts(std::move(sources), env);
}

LoadResult load(const Sources& sources, const EnvLookup& env) {
  LoadResult out;
  const auto files = list_sources(sources);
  if (!files) {
    Problem problem;
    problem.message = files.error().message;
    out.problems.push_back(std::move(problem));
    return out;
  }
  ReadFiles read = read_files(*files);
  if (read.problems.empty()) return load_texts(std::move(read.sources), env);
  out.problems = std::move(read.problems);
  return out;
}

}  // namespace llama_swap::config
