// The set language (spec config 8.1): one expression as a tree.
//
//   expr = and { "|" and }      and = atom { "&" atom }      atom = NAME | "+" NAME | "(" expr ")"
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace llama_swap::matrix {

struct Node {
  enum Kind { name, set, all_of, any_of };
  Kind kind = name;
  std::string text;           // name: of a var or model; set: of a set
  std::size_t at = 0;         // name, set: byte offset in the text that was parsed
  std::vector<int> children;  // all_of, any_of: at least two nodes, in the order of the text
};

// Children come before their parents, names in the order of the text; the root is last. That way no
// walk over it has to recurse: the language knows no limit on nesting.
struct Expression {
  std::vector<Node> nodes;
};

// What is wrong with an expression, and where: a byte offset in the text that was parsed. Where the
// message speaks of a position, it counts the characters (code points) of the trimmed text from 0.
struct Fault {
  std::string message;
  std::size_t at = 0;
};

// `text` is UTF-8; anything else in it is an unexpected character. Names are not looked up.
tl::expected<Expression, Fault> parse(std::string_view text);

}  // namespace llama_swap::matrix
