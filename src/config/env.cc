#include "config/env.h"

#include <fmt/format.h>

#include <map>
#include <set>

namespace llama_swap::config {
namespace {

constexpr std::string_view kOpening = "${env.";
// A hostile value that is repeated often must not fill the memory; the parser refuses the text
// anyway.
constexpr std::size_t kMaxGrowth = 2 * kMaxTextBytes;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Names used, with the first place of each.
using Uses = std::map<std::string, Mark>;

void collect(std::string_view scalar, Mark at, Uses& uses) {
  for (EnvReference ref = find_env_reference(scalar, 0); ref.begin != scalar.npos;
       ref = find_env_reference(scalar, ref.end))
    uses.emplace(ref.name, at);
}

void collect(const Node& node, Uses& uses) {
  if (node.kind == Kind::scalar) collect(node.text, node.start, uses);
  for (const Node& item : node.items) collect(item, uses);
  for (const Entry& entry : node.entries) {
    collect(entry.key, uses);
    collect(entry.value, uses);
  }
}

// A value as it may stand within double quotes.
std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

// What forbids a value, as the end of a sentence; empty: nothing.
std::string value_fault(std::string_view value) {
  if (value.find_first_of(std::string_view("\n\r\0", 3)) != value.npos)
    return "contains a line break or NUL, which is not allowed";
  // Within quotes, all that the parser can refuse is a character as such.
  const auto parsed = parse_yaml(fmt::format("\"{}\"", escaped(value)), -1);
  return parsed ? "" : fmt::format("is no text for YAML: {}", parsed.error().message);
}

struct Substituted {
  std::string text;
  ColumnMap columns;
};

Substituted replace(std::string_view text,
                    const std::map<std::string, std::string, std::less<>>& values) {
  const TextIndex old_places(text);
  Substituted out;
  std::size_t copied = 0;
  Mark line_shift;  // the line last edited, and by how many columns what follows on it has moved
  for (EnvReference ref = find_env_reference(text, 0); ref.begin != text.npos;
       ref = find_env_reference(text, ref.end)) {
    const auto value = values.find(ref.name);
    if (value == values.end()) continue;
    out.text += text.substr(copied, ref.begin - copied);
    out.text += value->second;
    copied = ref.end;
    if (out.text.size() > kMaxGrowth) break;

    const Mark at = old_places.mark(ref.begin);
    if (at.line != line_shift.line) line_shift = {-1, at.line, 0};
    const int old_length = length(text.substr(ref.begin, ref.end - ref.begin));
    const int new_length = length(value->second);
    out.columns.add(at.line, at.column + line_shift.column, new_length, at.column, old_length);
    line_shift.column += new_length - old_length;
  }
  out.text += text.substr(copied);
  return out;
}

// Where "${env.NAME}" stands within the scalar that begins at `scalar`, in the source as written.
// It may be spelled differently there (escapes); then the scalar itself.
Mark exact_place(const Source& source, Mark scalar, std::string_view name) {
  const TextIndex places(source.text);
  const std::size_t at = source.text.find(fmt::format("{}{}}}", kOpening, name),
                                          places.offset(scalar.line, scalar.column));
  if (at == std::string::npos) return scalar;
  Mark exact = places.mark(at);
  exact.source = scalar.source;
  return exact;
}

// The uses that count: those in the parsed content, or, if the text is not YAML as it is, those
// anywhere in it.
Uses find_uses(std::string_view text, int number, const std::vector<ColumnMap>& maps) {
  Uses uses;
  if (const auto document = parse_yaml(text, number, maps)) {
    collect(document->root, uses);
  } else {
    collect(text, {number, 1, 1}, uses);
  }
  return uses;
}

// One round. Nothing: errors were reported.
std::optional<Substituted> substitute(std::string_view text, const Source& source, int number,
                                      const std::vector<ColumnMap>& maps, const EnvLookup& env,
                                      Report& report) {
  std::map<std::string, std::string, std::less<>> values;
  bool failed = false;
  for (const auto& [name, place] : find_uses(text, number, maps)) {
    const auto value = env(name);
    const std::string fault = value ? value_fault(*value) : "";
    if (value && fault.empty()) {
      values.emplace(name, escaped(*value));
      continue;
    }
    failed = true;
    report.error(exact_place(source, place, name), "",
                 value ? fmt::format("the value of environment variable {} {}", name, fault)
                       : fmt::format("environment variable {} is not set", name));
  }
  if (failed) return std::nullopt;
  return replace(text, values);
}

}  // namespace

EnvReference find_env_reference(std::string_view text, std::size_t from) {
  for (std::size_t begin = text.find(kOpening, from); begin != text.npos;
       begin = text.find(kOpening, begin + 1)) {
    const std::size_t name = begin + kOpening.size();
    std::size_t end = name;
    while (end < text.size() && is_name_char(text[end])) ++end;
    const bool digit_first = end > name && text[name] >= '0' && text[name] <= '9';
    if (end > name && !digit_first && end < text.size() && text[end] == '}')
      return {begin, end + 1, text.substr(name, end - name)};
  }
  return {};
}

std::optional<Node> read_document(const Source& source, int number, const EnvLookup& env,
                                  Report& report) {
  std::vector<ColumnMap> maps;
  std::string text = source.text;
  if (text.size() <= kMaxTextBytes) {
    for (int round = 0; round < 2 && text.find(kOpening) != std::string::npos; ++round) {
      auto result = substitute(text, source, number, maps, env, report);
      if (!result) return std::nullopt;
      text = std::move(result->text);
      maps.push_back(std::move(result->columns));
      // In the second round the text must be YAML: what is in comments is not looked at any more.
      if (text.find(kOpening) != std::string::npos && !parse_yaml(text, number)) break;
    }
  }
  auto document = parse_yaml(text, number, maps);
  if (!document) {
    report.error(document.error().at, "", document.error().message);
    return std::nullopt;
  }
  for (const Fault& fault : document->faults) report.error(fault.at, "", fault.message);
  if (!document->faults.empty()) return std::nullopt;
  return std::move(document->root);
}

}  // namespace llama_swap::config
