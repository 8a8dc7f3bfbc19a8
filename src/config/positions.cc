#include "config/positions.h"

#include <algorithm>

namespace llama_swap::config {
namespace {

// Length in bytes of the line end at `at`; 0: none there.
std::size_t line_end(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("\r\n")) return 2;
  if (rest.starts_with('\n') || rest.starts_with('\r')) return 1;
  if (rest.starts_with("\xC2\x85")) return 2;
  if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) return 3;
  return 0;
}

}  // namespace

int length(std::string_view utf8) {
  return static_cast<int>(
      std::ranges::count_if(utf8, [](char c) { return !continues_character(c); }));
}

TextIndex::TextIndex(std::string_view text) : text_(text) {
  starts_.push_back(text.starts_with("\xEF\xBB\xBF") ? 3 : 0);  // a byte order mark has no column
  for (std::size_t at = starts_.front(); at < text.size();) {
    const std::size_t end = line_end(text, at);
    at += end > 0 ? end : 1;
    if (end > 0) starts_.push_back(at);
  }
}

std::string_view TextIndex::line(int number) const {
  if (number < 1 || number > static_cast<int>(starts_.size())) return {};
  const std::size_t begin = starts_[static_cast<std::size_t>(number) - 1];
  std::size_t end = begin;
  while (end < text_.size() && line_end(text_, end) == 0) ++end;
  return text_.substr(begin, end - begin);
}

std::size_t TextIndex::offset(int line, int column) const {
  if (line < 1) return 0;
  if (line > static_cast<int>(starts_.size())) return text_.size();
  std::size_t at = starts_[static_cast<std::size_t>(line) - 1];
  for (int skip = column - 1; skip > 0 && at < text_.size(); --skip) {
    ++at;
    while (at < text_.size() && continues_character(text_[at])) ++at;
  }
  return at;
}

Mark TextIndex::mark(std::size_t offset) const {
  const auto next = std::ranges::upper_bound(starts_, offset);
  const auto line = std::max<std::ptrdiff_t>(next - starts_.begin(), 1);
  const std::size_t begin = std::min(starts_[static_cast<std::size_t>(line) - 1], offset);
  return {-1, static_cast<int>(line), 1 + length(text_.substr(begin, offset - begin))};
}

void ColumnMap::add(int line, int new_column, int new_length, int old_column, int old_length) {
  edits_.push_back({line, new_column, new_length, old_column, old_length});
}

Mark ColumnMap::original(Mark mark) const {
  int shift = 0;
  for (auto edit = std::ranges::lower_bound(edits_, mark.line, {}, &Edit::line);
       edit != edits_.end() && edit->line == mark.line && edit->new_column <= mark.column; ++edit) {
    if (mark.column < edit->new_column + edit->new_length) {
      mark.column = edit->old_column;
      return mark;
    }
    shift = edit->old_column + edit->old_length - edit->new_column - edit->new_length;
  }
  mark.column += shift;
  return mark;
}

}  // namespace llama_swap::config
