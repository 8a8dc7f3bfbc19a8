#include "app/check_print.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/report.h"
#include "config/yaml_scalar.h"
#include "util/text.h"

namespace llama_swap::app {
namespace {

using config::Entry;
using config::Kind;
using config::Mark;
using config::Node;
using config::Tag;

// Whether it reads as the same text without quotes, to any reader of YAML.
bool is_plain(std::string_view text) {
  static constexpr std::string_view kAnywhere =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./"
      "-+=@$(){}[]<>|&*!%^~#'\"\\,;:? ";
  static constexpr std::string_view kNumbers = "0123456789_.:+-eE";  // 12:30 is one in YAML 1.1
  static constexpr std::string_view kNotFirst = "-=@{}[]<>|&*!%#'\",:? ";
  if (text.empty() || kNotFirst.find(text.front()) != kNotFirst.npos || text.back() == ':' ||
      text.back() == ' ' || text.find(": ") != text.npos || text.find(" #") != text.npos ||
      text.find_first_not_of(kAnywhere) != text.npos ||
      text.find_first_not_of(kNumbers) == text.npos)
    return false;
  const Node node = config::scalar(std::string(text), {});
  return node.is_string() && !config::boolean_value(node);
}

// What must be escaped between double quotes: `"`, `\`, and what YAML takes for no character or for
// the end of a line. `at` moves behind the character. Empty: it can stand for itself.
std::string escape(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(at++);
  if (first == '"' || first == '\\') return {'\\', static_cast<char>(first)};
  if (first == '\n') return "\\n";
  if (first == '\t') return "\\t";
  if (first < 0x20 || first == 0x7F) return fmt::format("\\x{:02x}", first);
  unsigned character = 0;
  std::size_t more = 0;
  if (first == 0xC2 && byte(at) < 0xA0) {  // C1 controls, NEL
    character = byte(at);
    more = 1;
  } else if (first == 0xE2 && byte(at) == 0x80 && (byte(at + 1) == 0xA8 || byte(at + 1) == 0xA9)) {
    character = 0x2000 | (byte(at + 1) & 0x3F);  // LS, PS
    more = 2;
  } else if (first == 0xEF && byte(at) == 0xBB && byte(at + 1) == 0xBF) {
    character = 0xFEFF;
    more = 2;
  } else {
    return {};
  }
  at += more;
  return fmt::format("\\u{:04x}", character);
}

std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const char first = text[at];
    const std::string escaped = escape(text, at);
    if (escaped.empty()) {
      out += first;
    } else {
      out += escaped;
    }
  }
  return out + '"';
}

// Several lines that can stand below each other as they are.
bool is_block(std::string_view text) {
  if (text.find('\n') == text.npos || text.front() == ' ' || text.front() == '\n' ||
      text.ends_with("\n\n"))
    return false;
  for (std::size_t at = 0; at < text.size();) {
    const char first = text[at];
    if (!escape(text, at).empty() && first != '\n' && first != '"' && first != '\\') return false;
  }
  return true;
}

std::string other_scalar(const Node& node) {
  if (node.is_null()) return "null";
  if (config::resolve(node.text, true, {}) == node.tag) return node.text;
  const std::string_view tag = node.tag == Tag::floating    ? "float"
                               : node.tag == Tag::timestamp ? "timestamp"
                               : node.tag == Tag::boolean   ? "bool"
                                                            : "int";
  return fmt::format("!!{} {}", tag, double_quoted(node.text));
}

class Printer {
 public:
  explicit Printer(const std::vector<std::string>& sources) : sources_(sources) {}

  void mapping(const Node& node, std::size_t indent) {
    for (const Entry& entry : node.entries) {
      out_.append(indent, ' ');
      out_ += yaml_string(entry.key.text) + ':';
      value(entry.value, indent);
    }
  }
  std::string take() { return std::move(out_); }

 private:
  // Behind a key or a dash.
  void value(const Node& node, std::size_t indent) {
    const std::size_t inside = indent + 2;
    if (!node.entries.empty()) {
      out_ += '\n';
      mapping(node, inside);
    } else if (!node.items.empty()) {
      out_ += '\n';
      for (const Node& item : node.items) {
        out_.append(inside, ' ');
        out_ += '-';
        value(item, inside);
      }
    } else if (node.kind == Kind::mapping || node.kind == Kind::sequence) {
      out_ += node.kind == Kind::mapping ? " {}" : " []";
      place(node.start);
    } else if (node.is_string() && is_block(node.text)) {
      block(node, inside);
    } else {
      out_ += ' ' + (node.is_string() ? yaml_string(node.text) : other_scalar(node));
      place(node.start);
    }
  }

  void block(const Node& node, std::size_t indent) {
    std::string_view text = node.text;
    const bool ends = text.ends_with('\n');
    if (ends) text.remove_suffix(1);
    out_ += ends ? " |" : " |-";
    place(node.start);
    for (const std::string_view line : util::split(text, '\n')) {
      if (!line.empty()) out_.append(indent, ' ');
      out_ += line;
      out_ += '\n';
    }
  }

  void place(Mark at) {
    if (at.source < 0) {
      out_ += "  # default\n";
    } else {
      std::string file = sources_[static_cast<std::size_t>(at.source)];
      std::ranges::replace_if(
          file, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
      out_ += fmt::format("  # {}:{}:{}\n", file, at.line, at.column);
    }
  }

  const std::vector<std::string>& sources_;
  std::string out_;
};

}  // namespace

std::string yaml_string(std::string_view text) {
  return is_plain(text) ? std::string(text) : double_quoted(text);
}

std::string yaml_with_places(const Node& tree, const std::vector<std::string>& sources) {
  Printer printer(sources);
  printer.mapping(tree, 0);
  std::string out = printer.take();
  return out.empty() ? "{}\n" : out;
}

}  // namespace llama_swap::app
