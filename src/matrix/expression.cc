#include "matrix/expression.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "util/text.h"

namespace llama_swap::matrix {
namespace {

// Of the Unicode property White_Space.
constexpr auto kWhiteSpace = std::to_array<std::string_view>(
    {" ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u0085", "\u00A0", "\u1680",
     "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
     "\u2009", "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"});

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// The white space character that `text` begins with; empty: none.
std::string_view leading_space(std::string_view text) {
  const auto found = std::ranges::find_if(
      kWhiteSpace, [text](std::string_view space) { return text.starts_with(space); });
  return found == kWhiteSpace.end() ? std::string_view() : *found;
}

std::size_t begin_of(std::string_view text) {
  std::size_t at = 0;
  while (!leading_space(text.substr(at)).empty()) at += leading_space(text.substr(at)).size();
  return at;
}

std::size_t end_of(std::string_view text) {
  const auto trailing = [&text](std::string_view space) { return text.ends_with(space); };
  for (;;) {
    const auto found = std::ranges::find_if(kWhiteSpace, trailing);
    if (found == kWhiteSpace.end()) return text.size();
    text.remove_suffix(found->size());
  }
}

// The name that `text` begins with; empty: none.
std::string_view leading_name(std::string_view text) {
  static const re2::RE2 pattern("[\\p{L}\\p{Nd}_.-]+");
  re2::StringPiece found;
  const re2::StringPiece in(text.data(), text.size());
  if (!pattern.Match(in, 0, in.size(), re2::RE2::ANCHOR_START, &found, 1)) return {};
  return text.substr(0, found.size());
}

struct Token {
  enum Kind { name, set, sign };
  Kind kind = sign;
  std::string_view text;  // without the + of a set
  std::size_t at = 0;     // of the name; of the sign
};

class Parser {
 public:
  explicit Parser(std::string_view text)
      : text_(text.substr(0, end_of(text))), begin_(std::min(begin_of(text), text_.size())) {}

  tl::expected<Expression, Fault> run() {
    if (begin_ == text_.size()) return fault("empty expression", begin_);
    if (auto wrong = tokenize()) return tl::unexpected(*std::move(wrong));
    open_.emplace_back();
    for (const Token& token : tokens_)
      if (!take(token)) return unexpected_token(util::json_quote(shown(token)), token.at);
    if (expects_atom_) return unexpected_token("end of expression", text_.size());
    if (open_.size() > 1) return fault("missing closing parenthesis", open_.back().at);
    close();
    return std::move(out_);
  }

 private:
  // What has been read since a parenthesis was opened.
  struct Open {
    std::vector<int> alternatives;  // complete ones
    std::vector<int> factors;       // of the alternative that is being read
    std::size_t at = 0;             // of the parenthesis
  };

  std::size_t position(std::size_t at) const {
    return static_cast<std::size_t>(std::ranges::count_if(text_.substr(begin_, at - begin_),
                                                          [](char c) { return !continues(c); }));
  }
  tl::unexpected<Fault> fault(std::string message, std::size_t at) const {
    return tl::unexpected(Fault{std::move(message), at});
  }
  tl::unexpected<Fault> unexpected_token(std::string_view what, std::size_t at) const {
    return fault(fmt::format("unexpected token {} at position {}", what, position(at)), at);
  }
  static std::string shown(const Token& token) {
    return fmt::format("{}{}", token.kind == Token::set ? "+" : "", token.text);
  }

  std::optional<Fault> tokenize() {
    for (std::size_t at = begin_; at < text_.size();) {
      const std::string_view rest = text_.substr(at);
      if (std::string_view("&|()").find(rest.front()) != std::string_view::npos) {
        tokens_.push_back({Token::sign, rest.substr(0, 1), at++});
      } else if (rest.front() == '+') {
        const auto set = leading_name(rest.substr(1));
        if (set.empty())
          return Fault{fmt::format("set name expected after + at position {}", position(at)), at};
        tokens_.push_back({Token::set, set, at});
        at += 1 + set.size();
      } else if (const auto space = leading_space(rest); !space.empty()) {
        at += space.size();
      } else if (const auto name = leading_name(rest); !name.empty()) {
        tokens_.push_back({Token::name, name, at});
        at += name.size();
      } else {
        return unexpected_character(at);
      }
    }
    return std::nullopt;
  }

  Fault unexpected_character(std::size_t at) const {
    std::size_t end = at + 1;
    while (end < text_.size() && continues(text_[end])) ++end;
    return {fmt::format("unexpected character {} at position {}",
                        util::json_quote(text_.substr(at, end - at)), position(at)),
            at};
  }

  // False: the token cannot stand here.
  bool take(const Token& token) {
    const char sign = token.kind == Token::sign ? token.text.front() : '\0';
    if (expects_atom_) {
      if (sign == '(') {
        open_.emplace_back().at = token.at;
        return true;
      }
      if (sign != '\0') return false;
      const auto kind = token.kind == Token::set ? Node::set : Node::name;
      open_.back().factors.push_back(add({kind, std::string(token.text), token.at, {}}));
      expects_atom_ = false;
      return true;
    }
    if (sign == ')' && open_.size() > 1) {
      const int inside = close();
      open_.back().factors.push_back(inside);
      return true;
    }
    if (sign == '|') end_alternative();
    expects_atom_ = true;
    return sign == '|' || sign == '&';
  }

  void end_alternative() {
    Open& open = open_.back();
    open.alternatives.push_back(combine(Node::all_of, std::exchange(open.factors, {})));
  }

  // Ends what the innermost parenthesis holds.
  int close() {
    end_alternative();
    const int whole = combine(Node::any_of, std::move(open_.back().alternatives));
    open_.pop_back();
    return whole;
  }

  int combine(Node::Kind kind, std::vector<int> children) {
    return children.size() == 1 ? children.front() : add({kind, {}, 0, std::move(children)});
  }
  int add(Node node) {
    out_.nodes.push_back(std::move(node));
    return static_cast<int>(out_.nodes.size()) - 1;
  }

  const std::string_view text_;  // white space at its end cut off
  const std::size_t begin_;      // behind white space
  std::vector<Token> tokens_;
  std::vector<Open> open_;  // the whole expression, then one per open parenthesis
  bool expects_atom_ = true;
  Expression out_;
};

}  // namespace

tl::expected<Expression, Fault> parse(std::string_view text) {
  return Parser(text).run();
}

}  // namespace llama_swap::matrix
