#include "config/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "config/yaml_scalar.h"

namespace llama_swap::config {
namespace {

// Their entries belong to one file each: no entry may be given twice, not even identically.
constexpr std::array<std::string_view, 8> kUnited{"models",
                                                  "groups",
                                                  "profiles",
                                                  "selectors",
                                                  "peers",
                                                  "matrix",
                                                  "routing.router.settings.groups",
                                                  "routing.router.settings.matrix"};

class Merger {
 public:
  explicit Merger(Report& report) : report_(report) {}

  void merge(Node& into, Node&& later, Mark later_key, const std::string& path) {
    if (std::ranges::find(kUnited, path) != kUnited.end())
      return unite(into, std::move(later), later_key, path);
    if (later.is_blank()) return;
    if (into.is_blank()) {
      into = std::move(later);
      return;
    }
    const std::string& first = report_.source_name(into.start.source);
    const std::string& second = report_.source_name(later.start.source);
    if (into.kind != later.kind || into.kind == Kind::alias) {
      report_.error(later.start, path,
                    fmt::format("incompatible kinds: {} in {}, {} in {}", type_name(later), second,
                                type_name(into), first));
      return;
    }
    if (into.kind == Kind::sequence) {
      std::ranges::move(later.items, std::back_inserter(into.items));
    } else if (into.kind == Kind::mapping) {
      merge_entries(into, std::move(later), path);
    } else if (into.text != later.text || into.tag != later.tag) {
      report_.error(later.start, path,
                    fmt::format("conflict: the value in {} ({}) is not that in {}:{} ({})", second,
                                type_name(later), first, into.start.line, type_name(into)));
    }
  }

 private:
  void merge_entries(Node& into, Node&& later, const std::string& path) {
    for (Entry& entry : later.entries) {
      if (Node* mine = into.find(entry.key.text)) {
        merge(*mine, std::move(entry.value), entry.key.start, join_path(path, entry.key.text));
      } else {
        into.entries.push_back(std::move(entry));
      }
    }
  }

  void unite(Node& into, Node&& later, Mark later_key, const std::string& path) {
    if (into.kind != Kind::mapping || later.kind != Kind::mapping) {
      const Node& wrong = later.kind == Kind::mapping ? into : later;
      report_.error(later_key, path,
                    fmt::format("must be a mapping in every file that has it, but is {} in {} ({} "
                                "comes on top of {})",
                                type_name(wrong), report_.source_name(wrong.start.source),
                                report_.source_name(later.start.source),
                                report_.source_name(into.start.source)));
      return;
    }
    for (Entry& entry : later.entries) {
      const auto same = std::ranges::find_if(
          into.entries, [&](const Entry& e) { return e.key.text == entry.key.text; });
      if (same == into.entries.end()) {
        into.entries.push_back(std::move(entry));
        continue;
      }
      report_.error(
          entry.key.start, join_path(path, entry.key.text),
          fmt::format("{} of section {} in {} is already defined in {}:{}",
                      in_quotes(entry.key.text), path, report_.source_name(entry.key.start.source),
                      report_.source_name(same->key.start.source), same->key.start.line));
    }
  }

  Report& report_;
};

}  // namespace

Node merge(std::vector<Node> documents, Report& report) {
  Node out;
  out.kind = Kind::mapping;
  bool first = true;
  Merger merger(report);
  for (Node& document : documents) {
    if (document.kind == Kind::sequence && !document.items.empty()) {
      report.error(document.start, "", "the top level must be a mapping, not a list");
      continue;
    }
    if (document.kind != Kind::mapping) continue;  // nothing in it
    if (first) {
      out = std::move(document);
      first = false;
    } else {
      merger.merge(out, std::move(document), document.start, "");
    }
  }
  return out;
}

}  // namespace llama_swap::config
