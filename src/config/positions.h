// Where a piece of configuration stands: places in source texts, and how substitutions move them.
#pragma once

#include <compare>
#include <cstddef>
#include <string_view>
#include <vector>

namespace llama_swap::config {

// A place as the user's editor shows it. Lines and columns count from 1, columns in characters
// (code points). Line 0: no particular line, the source as a whole.
struct Mark {
  int source = -1;  // index into the list of sources; -1: nowhere
  int line = 0;
  int column = 0;
  friend auto operator<=>(const Mark&, const Mark&) = default;
};

// The lines of a text, with the line ends that YAML knows (LF, CR, CRLF, NEL, LS, PS). The text
// must outlive the index.
class TextIndex {
 public:
  explicit TextIndex(std::string_view text);
  // Without its end; empty for a line that does not exist.
  std::string_view line(int number) const;
  // Byte offset of a place; the end of the text for one behind it.
  std::size_t offset(int line, int column) const;
  // The place of a byte offset (its source is left -1).
  Mark mark(std::size_t offset) const;

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;  // byte offset of each line
};

// Undoes the shifts that a substitution within lines caused: from columns of the new text to
// columns of the old.
class ColumnMap {
 public:
  // To be called in the order of the text. Columns count from 1.
  void add(int line, int new_column, int new_length, int old_column, int old_length);
  Mark original(Mark mark) const;

 private:
  struct Edit {
    int line, new_column, new_length, old_column, old_length;
  };
  std::vector<Edit> edits_;
};

// Whether a byte of UTF-8 text is not the first of its character.
inline bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}
// Characters (code points) in UTF-8 text.
int length(std::string_view utf8);

}  // namespace llama_swap::config
