// A YAML document as a tree that remembers where everything stood. Parsed with libyaml's events.
//
// Aliases stay aliases here (merging needs to see them); expand.h resolves them. Tags are those of
// YAML 1.2 as the original resolves them (yaml_scalar.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/positions.h"

namespace llama_swap::config {

enum class Kind : std::uint8_t { scalar, sequence, mapping, alias };
// Of scalars.
enum class Tag : std::uint8_t { null, boolean, integer, floating, timestamp, string };

struct Entry;
// A configuration has tens of thousands of them: the small members stand together.
struct Node {
  Kind kind = Kind::scalar;
  Tag tag = Tag::null;
  bool plain =
      true;          // scalar without quotes or block indicator: may be null, a number, a merge key
  int anchor = 0;    // a number unique within the load; 0: none. Of an alias: that of its target
  Mark start, end;   // `end` is behind the last character
  std::string text;  // scalar: after YAML's own unquoting, not interpreted further; alias: name of
                     // the anchor
  std::vector<Node> items;             // of a sequence
  std::vector<Entry> entries;          // of a mapping, in order
  std::shared_ptr<const Node> target;  // of an alias: what it stood for in its own file

  bool is_null() const { return kind == Kind::scalar && tag == Tag::null; }
  bool is_string() const { return kind == Kind::scalar && tag == Tag::string; }
  // `key:` with nothing behind it, as against a written null or ~.
  bool is_blank() const { return is_null() && text.empty(); }
  // The plain key `<<`.
  bool is_merge_key() const { return kind == Kind::scalar && plain && text == "<<"; }
  // The value of a key; null: no such key (or not a mapping).
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
};
struct Entry {
  Node key;  // always a scalar
  Node value;
};

// Adds (or replaces) a key. `node` must be a mapping.
void set(Node& node, std::string_view key, Node value);
void erase(Node& node, std::string_view key);
// A plain scalar with the tag its text resolves to.
Node scalar(std::string text, Mark at);

struct Fault {
  Mark at;
  std::string message;
};
struct Document {
  Node root;                  // null for an empty document
  std::vector<Fault> faults;  // well-formed YAML that we refuse nevertheless: duplicate keys, keys
                              // that are no scalars
};

// What a configuration may come to. A few lines of nested anchors could otherwise fill the memory.
inline constexpr int kMaxDepth = 200;                                    // of nesting
inline constexpr std::size_t kMaxTextBytes = std::size_t{16} << 20;      // of one source
inline constexpr int kMaxNodes = 250'000;                                // after expansion
inline constexpr std::size_t kMaxExpandedBytes = std::size_t{64} << 20;  // of all scalars, likewise

// The first document of the text; anything behind it is not looked at. `maps` lead from places in
// `text` back to places in the source, the last substitution first.
tl::expected<Document, Fault> parse_yaml(std::string_view text, int source,
                                         const std::vector<ColumnMap>& maps = {});

}  // namespace llama_swap::config
