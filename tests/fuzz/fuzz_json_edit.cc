// Edits of JSON: pieces do not matter, splices are in order and within the document, and what comes
// out is read as what the edits say. Input: lines "key=json" (set) and "-key" (remove), an empty
// line, the document.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "server/json_edit.h"
#include "server/json_scan.h"
#include "util/text.h"

using namespace llama_swap;
using fuzz::require;
using nlohmann::json;

namespace {

constexpr std::size_t kMaxEdits = 8;
constexpr std::size_t kMaxIndex = 64;  // further padding only takes time

// As all text of a configuration is.
bool is_utf8(const std::string& text) {
  return json::parse(util::json_quote(text)) == json(text);
}

std::optional<server::JsonEdit> parse_edit(std::string_view line) {
  const auto equals = line.find('=');
  server::JsonEdit edit;
  if (equals == line.npos && !line.starts_with('-')) return std::nullopt;
  edit.key = equals == line.npos ? line.substr(1) : line.substr(0, equals);
  const auto path = util::parse_json_path(edit.key);
  if (!path || !is_utf8(edit.key)) return std::nullopt;
  edit.path = *path;
  for (const util::JsonStep& step : edit.path)
    if (step.index > kMaxIndex) return std::nullopt;
  if (equals != line.npos) {
    const json value = json::parse(line.substr(equals + 1), nullptr, false);
    if (value.is_discarded()) return std::nullopt;
    edit.value = value.dump();
  }
  return edit;
}

using Outcome = tl::expected<net::Splices, server::JsonEditFault>;

Outcome run(const std::vector<const server::JsonEdit*>& edits, std::string_view document,
            bool whole) {
  server::JsonEditor editor(edits);
  if (whole) {
    editor.feed(document);
  } else {
    fuzz::in_pieces(document, [&](std::string_view piece) { editor.feed(piece); });
  }
  return editor.finish();
}

bool same(const Outcome& a, const Outcome& b) {
  if (!a || !b) return a.has_value() == b.has_value() && a.error().edit == b.error().edit;
  return *a == *b;
}

// What the scan finds there; the same before and after, if no edit means a member of the top level
// that it looks at.
std::string scanned(std::string_view document) {
  server::JsonScan scan;
  scan.feed(document);
  scan.finish();
  return scan.model() + (scan.streaming() ? " stream" : "");
}

bool means(const server::JsonEdit& edit, std::string_view member) {
  return edit.path.front().name == member;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = fuzz::as_text(data, size);
  std::vector<server::JsonEdit> list;
  while (!rest.empty() && list.size() < kMaxEdits) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (line.empty()) break;
    if (auto edit = parse_edit(line)) list.push_back(std::move(*edit));
  }
  if (list.empty()) return 0;
  std::vector<const server::JsonEdit*> edits;
  for (const server::JsonEdit& edit : list) edits.push_back(&edit);

  const std::string_view document = rest;
  const Outcome outcome = run(edits, document, true);
  require(same(outcome, run(edits, document, false)), "the same in pieces");
  if (!outcome) {
    require(outcome.error().edit < edits.size(), "an edit is to blame");
    return 0;
  }
  std::uint64_t end = 0;
  for (const net::Splice& splice : *outcome) {
    require(splice.offset >= end, "splices in order");
    require(splice.length > 0 || !splice.text.empty(), "no splice for nothing");
    end = splice.offset + splice.length;
  }
  require(end <= document.size(), "splices within the document");

  const std::string edited = server::spliced(document, *outcome);
  const json before = json::parse(document, nullptr, false);
  const json after = json::parse(edited, nullptr, false);
  if (!before.is_discarded()) require(!after.is_discarded(), "JSON stays JSON");
  bool model = false, stream = false;
  for (const server::JsonEdit& edit : list) {
    model = model || means(edit, "model");
    stream = stream || means(edit, "stream");
  }
  if (!model && !stream && !before.is_discarded())
    require(scanned(document) == scanned(edited), "the scan finds the same");

  // Whole members that are set are set whatever they were.
  bool only_members = !before.is_discarded();
  for (const server::JsonEdit& edit : list)
    only_members = only_members && edit.value && edit.path.size() == 1;
  if (only_members) {
    const Outcome again = run(edits, edited, true);
    require(again.has_value() && server::spliced(edited, *again) == edited, "twice is once");
  }
  return 0;
}
