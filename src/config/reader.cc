#include "config/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "config/values.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {}  // namespace

const Key& Reader::key(std::string_view name) const {
  const Key* found = section_->find(name);
  assert(found);
  return *found;
}

const Node* Reader::value(std::string_view key) const {
  const Node* found = node_ ? node_->find(key) : nullptr;
  return found && !found->is_null() ? found : nullptr;
}

bool Reader::has_entries(std::string_view key) const {
  const Node* found = value(key);
  return found && (found->kind == Kind::scalar || !found->entries.empty() || !found->items.empty());
}

Mark Reader::at(std::string_view key) const {
  const Node* found = value(key);
  return found ? found->start : at_;
}

Mark Reader::at_character(std::string_view key, std::string_view name, int character) const {
  const Node* map = value(key);
  const Node* text = map ? map->find(name) : nullptr;
  if (!text) return at(key);
  // What is written in one line and is as long as what it means is written as it is.
  Mark out = text->start;
  const int quote = text->plain ? 0 : 1;
  const int written = text->end.column - out.column - 2 * quote;
  if (text->end.line == out.line && written == length(text->text)) out.column += quote + character;
  return out;
}

std::filesystem::path Reader::file_path(std::string_view key) const {
  const std::filesystem::path source = report_->source_name(at(key).source);
  return source.parent_path() / string(key);
}

void Reader::error(std::string_view key, std::string message) const {
  error_at(at(key), key, std::move(message));
}

void Reader::error_at(Mark at, std::string_view key, std::string message) const {
  report_->error(at, key.empty() ? path_ : join_path(path_, key), std::move(message));
}

void Reader::warn_at(Mark at, std::string_view key, std::string message) const {
  report_->warning(at, key.empty() ? path_ : join_path(path_, key), std::move(message));
}

void Reader::expected(std::string_view key, std::string_view what, const Node& got) const {
  const bool secret = may_hold_secret(join_path(path_, key));
  error_at(got.start, key,
           fmt::format("expected {}, got {}", what,
                       secret ? std::string(type_name(got)) : describe(got)));
}

const Node* Reader::scalar_or_default(std::string_view name, Node& initial) const {
  if (const Node* found = value(name)) return found;
  if (zero_) return nullptr;
  // The table has only plain decimal integers, true and false; all other defaults are strings, so
  // that none is a number by accident.
  const Key& known = key(name);
  initial.text = known.initial;
  initial.start = initial.end = at_;
  const bool typed = known.type == Type::integer || known.type == Type::boolean;
  initial.tag = !typed                        ? Tag::string
                : known.initial.empty()       ? Tag::null
                : known.type == Type::integer ? Tag::integer
                                              : Tag::boolean;
  return &initial;
}

std::int64_t Reader::integer(std::string_view name) const {
  Node initial;
  const Node* node = scalar_or_default(name, initial);
  if (!node || node->is_null()) return 0;
  if (const auto number = whole_number(*node)) {
    check_least(key(name), *number, std::string(name), node->start);
    return *number;
  }
  expected(name, "an integer", *node);
  return whole_number(scalar(std::string(key(name).initial), at_)).value_or(0);
}

bool Reader::boolean(std::string_view name) const {
  Node initial;
  const Node* node = scalar_or_default(name, initial);
  if (!node || node->is_null()) return false;
  if (const auto value = boolean_value(*node)) return *value;
  expected(name, "a boolean (true or false)", *node);
  return key(name).initial == "true";
}

std::string Reader::string(std::string_view name) const {
  Node initial;
  const Node* node = scalar_or_default(name, initial);
  if (!node) return {};
  if (node->kind == Kind::scalar) return value_text(*node);
  expected(name, "a string", *node);
  return std::string(key(name).initial);
}

bool Reader::chosen(const Key& known, const std::string& text, Mark at) const {
  if (known.choices.empty()) return true;
  const auto choices = util::split(known.choices, ' ');
  if (std::ranges::find(choices, text) != choices.end()) return true;
  error_at(at, known.name,
           fmt::format("{} is not valid; valid: {}", in_quotes(text),
                       util::replace_all(std::string(known.choices), " ", ", ")));
  return false;
}

std::string Reader::choice(std::string_view name) const {
  std::string text = string(name);
  const Key& known = key(name);
  return zero_ || chosen(known, text, at(name)) ? text : std::string(known.initial);
}

std::string Reader::word(std::string_view name) const {
  std::string text = util::lower(util::trim(string(name)));
  const Key& known = key(name);
  const auto words = util::split(known.words, ' ');
  return std::ranges::find(words, text) != words.end() ? text : std::string(known.initial);
}

void Reader::check_least(const Key& known, std::int64_t value, const std::string& path,
                         Mark at) const {
  if (known.least && value < *known.least)
    error_at(at, path, fmt::format("{} is not allowed: must be at least {}", value, *known.least));
}

std::optional<std::chrono::nanoseconds> Reader::duration(std::string_view name) const {
  Node initial;
  const Key& known = key(name);
  const Node* node = scalar_or_default(name, initial);
  if (!node || node->is_blank() || (node == &initial && known.initial.empty())) return std::nullopt;
  if (node->is_string())
    if (const auto value = parse_duration(node->text)) {
      if (known.type == Type::wait && *value < value->zero()) error(name, "must not be negative");
      return value;
    }
  if (known.type == Type::wait && node->tag == Tag::integer && integer_value(node->text) == 0)
    return std::chrono::nanoseconds(0);
  expected(name, "a duration like 5s or 1m30s", *node);
  return parse_duration(known.initial);
}

void Reader::require_string(std::string_view name) const {
  const Node* node = value(name);
  if (node && !node->is_string()) expected(name, "a string", *node);
}

std::uint64_t Reader::size(std::string_view name) const {
  Node initial;
  const Node* node = scalar_or_default(name, initial);
  if (!node) return 0;
  if (node->is_string() || node->tag == Tag::integer)
    if (const auto value = parse_size(value_text(*node)); value && node->kind == Kind::scalar) {
      // It has 63 bits at most.
      check_least(key(name), static_cast<std::int64_t>(*value), std::string(name), node->start);
      return *value;
    }
  expected(name, "a number of bytes, or a size like 64MiB", *node);
  return parse_size(key(name).initial).value_or(0);
}

const Node* Reader::collection(std::string_view key, Kind kind) const {
  const Node* found = value(key);
  if (!found || found->kind == kind) return found;
  expected(key, kind == Kind::sequence ? "a list" : "a mapping", *found);
  return nullptr;
}

std::vector<Placed<std::string>> Reader::placed_strings(std::string_view name) const {
  const Key& known = key(name);
  std::vector<Placed<std::string>> out;
  const bool written = node_ && node_->find(name);
  if (!written && !zero_ && !known.initial.empty()) {
    const auto initial = parse_yaml(known.initial, -1);
    for (const Node& item : initial->root.items) out.push_back({item.text, at_, {}, {}});
    return out;
  }
  const Node* list = collection(name, Kind::sequence);
  if (!list) return out;
  for (const Node& item : list->items) {
    if (item.is_null()) continue;
    if (item.kind != Kind::scalar) {
      expected(name, "a string in the list", item);
    } else if (std::string text = value_text(item); chosen(known, text, item.start)) {
      out.push_back({std::move(text), item.start, {}, {}});
    }
  }
  return out;
}

std::vector<std::string> Reader::strings(std::string_view key) const {
  std::vector<std::string> out;
  for (auto& item : placed_strings(key)) out.push_back(std::move(item.value));
  return out;
}

std::vector<Placed<std::string>> Reader::string_map(std::string_view key) const {
  std::vector<Placed<std::string>> out;
  const Node* map = collection(key, Kind::mapping);
  if (!map) return out;
  for (const Entry& entry : map->entries) {
    if (entry.value.kind == Kind::scalar) {
      out.push_back({value_text(entry.value), entry.value.start, entry.key.text, entry.key.start});
    } else {
      expected(join_path(std::string(key), entry.key.text), "a string", entry.value);
    }
  }
  return out;
}

std::vector<Placed<std::int64_t>> Reader::integer_map(std::string_view name) const {
  std::vector<Placed<std::int64_t>> out;
  const Node* map = collection(name, Kind::mapping);
  if (!map) return out;
  for (const Entry& entry : map->entries) {
    const auto number =
        entry.value.is_null() ? std::optional<std::int64_t>(0) : whole_number(entry.value);
    const std::string path = join_path(std::string(name), entry.key.text);
    if (number) {
      check_least(key(name), *number, path, entry.value.start);
      out.push_back({*number, entry.value.start, entry.key.text, entry.key.start});
    } else {
      expected(path, "an integer", entry.value);
    }
  }
  return out;
}

Json Reader::object(std::string_view key) const {
  const Node* map = collection(key, Kind::mapping);
  return map ? json_value(*map) : Json::object();
}

std::vector<Placed<std::string>> Reader::json_entries(const std::string& key,
                                                      const Node& mapping) const {
  std::vector<Placed<std::string>> out;
  for (const Entry& entry : mapping.entries) {
    auto text = json_text(entry.value);
    if (text) {
      out.push_back({std::move(*text), entry.value.start, entry.key.text, entry.key.start});
    } else {
      error_at(text.error().at, join_path(key, entry.key.text), std::move(text.error().message));
    }
  }
  return out;
}

std::vector<Placed<std::string>> Reader::value_map(std::string_view key) const {
  const Node* map = collection(key, Kind::mapping);
  return map ? json_entries(std::string(key), *map) : std::vector<Placed<std::string>>();
}

std::vector<Placed<std::vector<Placed<std::string>>>> Reader::value_maps(
    std::string_view key) const {
  std::vector<Placed<std::vector<Placed<std::string>>>> out;
  const Node* map = collection(key, Kind::mapping);
  if (!map) return out;
  for (const Entry& entry : map->entries) {
    if (entry.value.kind == Kind::mapping || entry.value.is_null()) {
      const std::string path = join_path(std::string(key), entry.key.text);
      out.push_back(
          {json_entries(path, entry.value), entry.value.start, entry.key.text, entry.key.start});
    } else {
      expected(join_path(std::string(key), entry.key.text), "a mapping", entry.value);
    }
  }
  return out;
}

std::vector<std::variant<Placed<std::string>, Reader>> Reader::records(
    std::string_view name) const {
  std::vector<std::variant<Placed<std::string>, Reader>> out;
  const Node* list = collection(name, Kind::sequence);
  if (!list) return out;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Node& item = list->items[i];
    if (item.is_null()) continue;
    const std::string path = fmt::format("{}[{}]", join_path(path_, name), i);
    if (item.kind == Kind::mapping) {
      out.emplace_back(Reader(&item, *key(name).inside, path, item.start, *report_));
    } else if (item.kind == Kind::scalar) {
      out.emplace_back(Placed<std::string>{value_text(item), item.start, {}, {}});
    } else {
      expected(name, "a string or a mapping in the list", item);
    }
  }
  return out;
}

Reader Reader::section(std::string_view name) const {
  const Key& known = key(name);
  assert(known.inside);
  const Node* node = collection(name, Kind::mapping);
  Reader out(node, *known.inside, join_path(path_, name), node ? node->start : at_, *report_);
  out.zero_ = zero_;
  return out;
}

std::vector<Placed<Reader>> Reader::sections(std::string_view name, std::string_view hint) const {
  std::vector<Placed<Reader>> out;
  const Key& known = key(name);
  assert(known.inside);
  const Node* map = collection(name, Kind::mapping);
  if (!map) return out;
  for (const Entry& entry : map->entries) {
    const std::string& id = entry.key.text;
    const std::string path = join_path(join_path(path_, name), id);
    if (entry.key.tag != Tag::string)
      report_->warning(entry.key.start, path,
                       fmt::format("{} is not a string: quote it", describe(entry.key)));
    const bool empty = entry.value.is_null();
    if (!empty && entry.value.kind != Kind::mapping) {
      report_->error(entry.value.start, path,
                     fmt::format("expected a mapping, got {}{}{}", describe(entry.value),
                                 hint.empty() ? "" : "; ", hint));
      continue;
    }
    Reader body(empty ? nullptr : &entry.value, *known.inside, path, entry.key.start, *report_);
    body.zero_ = empty;
    if (empty)
      report_->warning(entry.key.start, path, "has no body: everything in it is off or empty");
    out.push_back({std::move(body), entry.value.start, id, entry.key.start});
  }
  return out;
}

}  // namespace llama_swap::config
