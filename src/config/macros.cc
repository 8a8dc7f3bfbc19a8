#include "config/macros.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "config/yaml_scalar.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

constexpr std::size_t kMaxNameLength = 63;
constexpr std::size_t kMaxStringLength = std::size_t{1} << 20;  // of one value after replacement
constexpr std::array<std::string_view, 3> kReserved{"PID", "PORT", "MODEL_ID"};

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

// How often ${name} occurs. (Most strings are asked about many macros that they do not use.)
std::size_t uses(std::string_view text, std::string_view name) {
  std::size_t count = 0;
  for (std::size_t at = text.find("${"); at != text.npos; at = text.find("${", at)) {
    at += 2;
    const std::string_view rest = text.substr(at);
    if (rest.size() > name.size() && rest.starts_with(name) && rest[name.size()] == '}') ++count;
  }
  return count;
}

// What is wrong with a declaration; empty: nothing.
std::string fault(const std::string& name, const Node& value) {
  if (name.size() > kMaxNameLength)
    return fmt::format("macro name {} is too long: {} bytes, at most {} are allowed", name,
                       name.size(), kMaxNameLength);
  if (!is_name(name))
    return fmt::format("invalid macro name {}: must match ^[a-zA-Z0-9_-]+$", in_quotes(name));
  if (value.kind != Kind::scalar || value.tag == Tag::null || value.tag == Tag::timestamp) {
    return fmt::format("the value of macro {} must be a scalar (string, number or boolean), not {}",
                       name, describe(value));
  }
  if (value.is_string() && value.text.find(placeholder(name)) != std::string::npos)
    return fmt::format("macro {} contains itself (self-reference)", name);
  if (std::ranges::find(kReserved, name) != kReserved.end())
    return fmt::format("macro name {} is reserved", name);
  return {};
}

}  // namespace

std::string placeholder(std::string_view name) {
  return std::string("${").append(name).append(1, '}');
}

Macros declare_macros(const Node* block, const std::string& path, Report& report) {
  Macros out;
  if (!block || block->is_null()) return out;
  if (block->kind != Kind::mapping) {
    report.error(block->start, path,
                 fmt::format("macros must be a mapping, not {}", describe(*block)));
    return out;
  }
  for (const Entry& entry : block->entries) {
    const std::string& name = entry.key.text;
    const std::string wrong = fault(name, entry.value);
    if (wrong.empty()) {
      out.push_back({name, entry.value});
    } else {
      report.error(entry.key.start, join_path(path, name), wrong);
    }
  }
  return out;
}

Macros model_macros(const std::string& model, const Macros& global, const Macros& own) {
  Macro id{"MODEL_ID", {}};
  id.value.tag = Tag::string;
  id.value.text = model;
  Macros out{std::move(id)};
  out.insert(out.end(), global.begin(), global.end());
  for (const Macro& macro : own) {
    const auto same = std::ranges::find(out, macro.name, &Macro::name);
    if (same == out.end()) {
      out.push_back(macro);
    } else {
      same->value = macro.value;
    }
  }
  return out;
}

void Substitution::apply(const Macros& macros, Node& tree) {
  if (tree.is_string()) apply_to_string(macros, tree);
  for (Node& item : tree.items) apply(macros, item);
  for (Entry& entry : tree.entries) apply(macros, entry.value);
}

void Substitution::apply_to_string(const Macros& macros, Node& string) {
  for (auto macro = macros.rbegin(); macro != macros.rend(); ++macro) {
    if (!string.is_string() || string.text.find("${") == std::string::npos) return;
    replace(*macro, string);
  }
}

void Substitution::replace(const Macro& macro, Node& string) {
  const std::size_t count = uses(string.text, macro.name);
  if (count == 0) return;
  const std::string wanted = placeholder(macro.name);
  const bool whole = string.text == wanted;
  const std::string value = whole ? macro.value.text : value_text(macro.value);
  const std::size_t size = string.text.size() + count * value.size();
  written_ += size;
  if (size > kMaxStringLength || written_ > kMaxExpandedBytes) {
    report_.error(
        string.start, "",
        fmt::format("macro {} expands to more than a configuration may hold", macro.name));
    string.text.clear();
    return;
  }
  string.text = whole ? value : util::replace_all(std::move(string.text), wanted, value);
  if (!whole) return;
  string.tag = macro.value.tag;
  string.plain = macro.value.plain;
}

void Substitution::apply_to_keys(const Macros& macros, Node& mapping, const std::string& path) {
  std::map<std::string, std::string> written_as;  // key after substitution -> as in the file
  for (Entry& entry : mapping.entries) {
    const std::string before = entry.key.text;
    // A key takes the text only, whatever the type.
    for (auto macro = macros.rbegin(); macro != macros.rend(); ++macro) {
      if (!entry.key.is_string()) break;
      replace(*macro, entry.key);
      entry.key.text = value_text(entry.key);
      entry.key.tag = Tag::string;
    }
    const auto [first, is_new] = written_as.emplace(entry.key.text, before);
    if (!is_new) {
      report_.error(
          entry.key.start, join_path(path, before),
          fmt::format("keys {} and {} both become {}: they collide", in_quotes(first->second),
                      in_quotes(before), in_quotes(entry.key.text)));
    }
  }
}

}  // namespace llama_swap::config
