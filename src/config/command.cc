#include "config/command.h"

#include <optional>
#include <utility>

#include "util/text.h"

namespace llama_swap::config {
namespace {

// A line that ends in a backslash goes on in the next one: the backslash becomes a space.
std::string join_continued(std::string_view command) {
  std::string out;
  bool first = true;
  for (const std::string_view line : util::split(command, '\n')) {
    if (!std::exchange(first, false)) out += '\n';
    const std::string_view trimmed = util::trim(line);
    if (trimmed.ends_with('\\')) {
      out += trimmed.substr(0, trimmed.size() - 1);
      out += ' ';
    } else {
      out += line;
    }
  }
  return out;
}

// POSIX quoting, character by character.
class Splitter {
 public:
  std::vector<std::string> split(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (quote_ == '\'') {
        c == '\'' ? close() : add(c);
      } else if (c == '\\') {
        if (i + 1 < text.size()) escape(text[++i]);  // alone at the very end it is dropped
      } else if (quote_ == '"') {
        c == '"' ? close() : add(c);
      } else if (c == '\'' || c == '"') {
        open(c);
      } else if (c == ' ' || c == '\t' || c == '\n') {
        finish();
      } else {
        add(c);
      }
    }
    finish();
    return std::move(arguments_);
  }

 private:
  void escape(char c) {
    if (c == '\n') return;
    const bool special = c == '$' || c == '`' || c == '"' || c == '\\';
    if (quote_ == '"' && !special) add('\\');
    add(c);
  }
  void open(char quote) {
    quote_ = quote;
    if (!current_) current_.emplace();  // '' is an argument
  }
  void close() { quote_ = 0; }
  void add(char c) {
    if (!current_) current_.emplace();
    *current_ += c;
  }
  void finish() {
    if (current_) arguments_.push_back(std::move(*current_));
    current_.reset();
  }

  char quote_ = 0;  // the quote we are in
  std::optional<std::string> current_;
  std::vector<std::string> arguments_;
};

}  // namespace

std::string without_comments(std::string_view command) {
  std::string out;
  bool first = true;
  for (const std::string_view line : util::split(command, '\n')) {
    if (util::trim(line).starts_with('#')) continue;
    if (!std::exchange(first, false)) out += '\n';
    out += line;
  }
  return out;
}

std::vector<std::string> split_command(std::string_view command) {
  return Splitter().split(join_continued(without_comments(command)));
}

std::vector<std::string> stop_command(std::string_view cmd_stop, std::int64_t pid) {
  return split_command(util::replace_all(std::string(cmd_stop), "${PID}", std::to_string(pid)));
}

}  // namespace llama_swap::config
