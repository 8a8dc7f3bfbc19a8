#include "config/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace llama_swap::config {
namespace {

constexpr std::size_t kMaxQuote = 200;       // bytes of a value in a message
constexpr std::size_t kMaxExcerpt = 160;     // bytes of a quoted line
constexpr std::size_t kExcerptBefore = 100;  // of these at most so many in front of the caret
constexpr std::size_t kMaxProblems = 200;    // nobody reads more; keeps hostile files cheap

// Cuts after `size` bytes, not within a character.
std::string_view shortened(std::string_view text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && continues_character(text[size])) --size;
  return text.substr(0, size);
}

// A line fit for a terminal: as wide as the original up to the caret, without control characters.
std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  return out;
}

}  // namespace

bool may_hold_secret(std::string_view key) {
  return key.starts_with("apiKeys") || key.ends_with(".apiKey");
}

std::string join_path(const std::string& parent, std::string_view key) {
  if (parent.empty()) return std::string(key);
  std::string out;
  out.reserve(parent.size() + 1 + key.size());
  return out.append(parent).append(1, '.').append(key);
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  const std::string_view shown = shortened(text, kMaxQuote);
  for (const char c : shown) {
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + (shown.size() < text.size() ? "…\"" : "\"");
}

std::string Problem::text() const {
  std::string out = file;
  if (line > 0) out += fmt::format(":{}:{}", line, column);
  if (!out.empty()) out += ": ";
  if (severity == Severity::warning) out += "warning: ";
  if (!key.empty()) out += key + ": ";
  out += message;
  if (excerpt.empty() || line == 0) return out;

  const TextIndex index(excerpt);
  std::size_t caret = std::min(index.offset(1, column), excerpt.size());
  std::string_view shown = excerpt;
  if (caret > kExcerptBefore) {
    std::size_t cut = caret - kExcerptBefore;
    while (cut < caret && continues_character(shown[cut])) ++cut;
    shown.remove_prefix(cut);
    caret -= cut;
  }
  const int indent = length(shown.substr(0, caret));
  out += fmt::format("\n    {}\n    {:>{}}", printable(shortened(shown, kMaxExcerpt)), '^',
                     indent + 1);
  return out;
}

std::string LoadResult::text(Severity severity) const {
  std::string out;
  for (const Problem& problem : problems) {
    if (problem.severity != severity) continue;
    if (!out.empty()) out += '\n';
    out += problem.text();
  }
  return out;
}

const std::string& Report::source_name(int source) const {
  static const std::string none;
  if (source < 0 || source >= static_cast<int>(sources_.size())) return none;
  return sources_[static_cast<std::size_t>(source)].name;
}

void Report::add(Severity severity, Mark at, std::string key, std::string message) {
  // Problems of no place are all different.
  const std::string what = severity == Severity::error ? key : std::string();
  if (at.line > 0 && !known_.emplace(severity, at, what).second) return;
  if (severity == Severity::error) ++errors_;
  if (problems_.size() >= kMaxProblems && (severity == Severity::warning || errors_ > 1)) return;
  Problem problem{severity,       source_name(at.source), at.line, at.column,
                  std::move(key), std::move(message),     {}};
  if (at.line > 0 && at.source >= 0 && at.source < static_cast<int>(sources_.size()) &&
      !may_hold_secret(problem.key)) {
    const TextIndex index(sources_[static_cast<std::size_t>(at.source)].text);
    problem.excerpt = index.line(at.line);
  }
  problems_.emplace_back(at, std::move(problem));
}

void Report::error(Mark at, std::string key, std::string message) {
  add(Severity::error, at, std::move(key), std::move(message));
}

void Report::warning(Mark at, std::string key, std::string message) {
  add(Severity::warning, at, std::move(key), std::move(message));
}

std::vector<Problem> Report::take() {
  std::ranges::stable_sort(problems_, {}, [](const auto& entry) {
    return std::tuple(entry.second.severity, entry.first);
  });
  std::vector<Problem> out;
  out.reserve(problems_.size());
  for (auto& [mark, problem] : problems_) out.push_back(std::move(problem));
  problems_.clear();
  known_.clear();
  errors_ = 0;
  return out;
}

}  // namespace llama_swap::config
