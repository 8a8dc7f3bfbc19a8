#include "server/json_edit.h"

#include <algorithm>
#include <utility>

#include "util/result.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

using util::Result;
using Value = std::optional<std::string>;  // nothing: remove

// A value made from nothing.
std::string made(JsonSteps path, const std::string& value);

std::string made_object(JsonSteps path, const std::string& value) {
  return "{" + util::json_quote(path.front().name) + ":" + made(path.subspan(1), value) + "}";
}

std::string made_array(JsonSteps path, const std::string& value) {
  std::string out = "[";
  for (std::size_t i = 0; i < path.front().index.value_or(0); ++i) out += "null,";
  return out + made(path.subspan(1), value) + "]";
}

std::string made(JsonSteps path, const std::string& value) {
  if (path.empty()) return value;
  return path.front().means_element() ? made_array(path, value) : made_object(path, value);
}

std::uint64_t end_of(const JsonItem& item) {
  return item.value.span.offset + item.value.span.length;
}

std::string added_text(const JsonContainer& container, bool follows) {
  std::string out;
  for (const JsonItem& item : container.items) {
    if (!item.added) continue;
    if (std::exchange(follows, true)) out += ',';
    if (!container.is_array) out += util::json_quote(item.name) + ":";
    out += *item.value.text;
  }
  return out;
}

// What goes takes the comma before it along; the first ones, the comma behind.
void splice(const JsonContainer& container, net::Splices& out) {
  const JsonItem* kept = nullptr;           // the last one
  const JsonItem* gone = nullptr;           // the last one that was removed since
  std::uint64_t gap = container.begin + 1;  // behind `kept`, or where the removed ones begin
  for (const JsonItem& item : container.items) {
    if (item.added) break;
    if (item.removed) {
      if (!kept && !gone) gap = item.begin;
      gone = &item;
      continue;
    }
    if (gone) out.push_back({gap, (kept ? end_of(*gone) : item.begin) - gap, {}});
    if (item.value.text) {
      out.push_back({item.value.span.offset, item.value.span.length, *item.value.text});
    } else if (item.value.inside) {
      splice(*item.value.inside, out);
    }
    kept = &item;
    gone = nullptr;
    gap = end_of(item);
  }
  std::string added = added_text(container, kept != nullptr);
  if (gone || !added.empty())
    out.push_back({gap, gone ? end_of(*gone) - gap : 0, std::move(added)});
}

JsonItem* find_member(JsonContainer& object, const std::string& name) {
  const auto found = std::ranges::find_if(object.items, [&](const JsonItem& item) {
    return !item.skipped && !item.removed && item.name == name;
  });
  return found == object.items.end() ? nullptr : &*found;
}

std::uint64_t count_elements(const JsonContainer& array) {
  std::uint64_t count = 0;
  for (const JsonItem& item : array.items)
    if (!item.removed) count += item.count;
  return count;
}

// The outline keeps apart every element that can be asked for.
JsonItem* find_element(JsonContainer& array, std::uint64_t index) {
  for (JsonItem& item : array.items) {
    if (item.removed) continue;
    if (index < item.count) return &item;
    index -= item.count;
  }
  return nullptr;
}

JsonItem* find(JsonContainer& container, const util::JsonStep& step) {
  if (!container.is_array) return find_member(container, step.name);
  if (step.index) return find_element(container, *step.index);
  const std::uint64_t count = step.at_end ? count_elements(container) : 0;
  return count > 0 ? find_element(container, count - 1) : nullptr;
}

void add(JsonContainer& container, std::string name, std::string text) {
  JsonItem item;
  item.name = std::move(name);
  item.value.text = std::move(text);
  item.added = true;
  container.items.push_back(std::move(item));
}

Result<void> edit(JsonValue& at, JsonSteps path, const Value& value);

Result<void> set(JsonContainer& container, JsonSteps path, const Value& value) {
  const util::JsonStep& step = path.front();
  const JsonSteps rest = path.subspan(1);
  if (container.is_array && !step.means_element())
    return util::fail(util::Errc::invalid, "\"" + step.name + "\" is no place in an array");
  const bool appends = container.is_array && step.at_end;
  if (JsonItem* item = appends ? nullptr : find(container, step)) {
    if (!rest.empty()) return edit(item->value, rest, value);
    item->value.text = value;
    return {};
  }
  if (container.is_array && step.index)
    for (std::uint64_t count = count_elements(container); count < *step.index; ++count)
      add(container, {}, "null");
  add(container, step.name, made(rest, *value));
  return {};
}

Result<void> remove(JsonContainer& container, JsonSteps path) {
  JsonItem* item = find(container, path.front());
  if (!item) return {};
  if (path.size() > 1) return edit(item->value, path.subspan(1), std::nullopt);
  item->removed = true;
  if (item->added) container.items.erase(container.items.begin() + (item - &container.items[0]));
  return {};
}

// What an earlier edit has written is small: it is read anew.
Result<void> edit_text(std::string& text, JsonSteps path, const Value& value) {
  JsonOutline outline({path});
  outline.feed(text);
  outline.finish();
  if (auto edited = edit(outline.root(), path, value); !edited) return edited;
  net::Splices splices;
  splice(*outline.root().inside, splices);
  text = spliced(text, splices);
  return {};
}

Result<void> edit(JsonValue& at, JsonSteps path, const Value& value) {
  if (at.text && (at.text->starts_with('{') || at.text->starts_with('[')))
    return edit_text(*at.text, path, value);
  if (!at.text && at.inside) return value ? set(*at.inside, path, value) : remove(*at.inside, path);
  if (value) at.text = made_object(path, *value);
  return {};
}

std::vector<JsonSteps> paths_of(const std::vector<const JsonEdit*>& edits) {
  std::vector<JsonSteps> out;
  for (const JsonEdit* one : edits) out.emplace_back(one->path);
  return out;
}

}  // namespace

JsonEditor::JsonEditor(std::vector<const JsonEdit*> edits)
    : edits_(std::move(edits)), outline_(paths_of(edits_)) {}

void JsonEditor::feed(std::string_view piece) {
  blank_ = blank_ && std::ranges::all_of(piece, util::json::is_space);
  size_ += piece.size();
  outline_.feed(piece);
}

tl::expected<net::Splices, JsonEditFault> JsonEditor::finish() {
  const bool complete = outline_.finish();
  JsonValue& root = outline_.root();
  if (blank_) root.text = "{}";
  if (!blank_ && (!root.inside || root.inside->is_array))
    return tl::unexpected(JsonEditFault{0, "the body is not a JSON object"});
  if (!blank_ && !complete)
    return tl::unexpected(JsonEditFault{0, "the body is cut off or broken JSON"});
  for (std::size_t i = 0; i < edits_.size(); ++i)
    if (auto edited = edit(root, edits_[i]->path, edits_[i]->value); !edited)
      return tl::unexpected(JsonEditFault{i, std::move(edited.error().message)});
  net::Splices out;
  if (!blank_) {
    splice(*root.inside, out);
  } else if (*root.text != "{}") {
    out.push_back({0, size_, std::move(*root.text)});
  }
  return out;
}

std::string spliced(std::string_view document, const net::Splices& splices) {
  std::string out;
  std::uint64_t at = 0;
  for (const net::Splice& splice : splices) {
    out += document.substr(at, splice.offset - at);
    out += splice.text;
    at = splice.offset + splice.length;
  }
  return out += document.substr(at);
}

}  // namespace llama_swap::server
