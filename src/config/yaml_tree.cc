#include "config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <unordered_map>

#include "config/report.h"
#include "config/yaml_scalar.h"

namespace llama_swap::config {
namespace {

// Anchor numbers are unique over all files of a load, and simply over all loads.
int next_anchor() {
  static std::atomic<int> counter{0};
  return ++counter;
}

class Event {
 public:
  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { clear(); }
  void clear() {
    yaml_event_delete(&event_);
    event_ = {};
  }
  yaml_event_t* raw() { return &event_; }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_{};
};

std::string_view text_of(const yaml_char_t* text) {
  return text ? std::string_view(reinterpret_cast<const char*>(text)) : std::string_view();
}

// Recursive descent over the event stream.
class Parser {
 public:
  Parser(std::string_view text, int source, const std::vector<ColumnMap>& maps)
      : text_(text), source_(source), maps_(maps) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() { yaml_parser_delete(&parser_); }

  tl::expected<Document, Fault> document() {
    Document document;
    Event event;
    do {
      if (!next(event)) return tl::unexpected(fault_);
      if (event->type == YAML_STREAM_END_EVENT) return document;
    } while (event->type != YAML_DOCUMENT_START_EVENT);
    if (!next(event) || !node(event, document.root, 1)) return tl::unexpected(fault_);
    if (!next(event))
      return tl::unexpected(fault_);  // the end of the document: what is left may not be garbage
    document.faults = std::move(faults_);
    return document;
  }

 private:
  struct Anchor {
    int number = 0;
    int first_node = 0;  // nodes and bytes read before it
    std::size_t first_byte = 0;
    std::shared_ptr<const Node> node;  // null while the node is still open
  };

  bool next(Event& event) {
    event.clear();
    if (yaml_parser_parse(&parser_, event.raw())) return true;
    std::string message = parser_.problem ? parser_.problem : "not valid YAML";
    if (parser_.context) message = fmt::format("{} {}", message, parser_.context);
    // What cannot even be read has no mark: libyaml reads ahead of what it parses.
    if (parser_.error == YAML_READER_ERROR)
      return fail(original(TextIndex(text_).mark(unreadable())), std::move(message));
    return fail(mark(parser_.problem_mark), std::move(message));
  }

  // Byte offset of the character that the reader refused. Of one that is broken off, libyaml names
  // the byte that does not continue it.
  std::size_t unreadable() const {
    std::size_t at = std::min(parser_.problem_offset, text_.size());
    if (!std::string_view(parser_.problem).starts_with("invalid trailing")) return at;
    while (at > 0 && continues_character(text_[--at])) {
    }
    return at;
  }

  bool node(Event& event, Node& out, int depth) {
    out.start = mark(event->start_mark);
    out.end = mark(event->end_mark);
    if (depth > kMaxDepth)
      return fail(out.start, fmt::format("nested more than {} levels deep", kMaxDepth));
    if (++nodes_ > kMaxNodes) return fail(out.start, fmt::format("more than {} values", kMaxNodes));
    switch (event->type) {
      case YAML_ALIAS_EVENT:
        return alias(event, out);
      case YAML_SCALAR_EVENT:
        return scalar_node(event, out);
      case YAML_SEQUENCE_START_EVENT:
        return sequence(event, out, depth);
      case YAML_MAPPING_START_EVENT:
        return mapping(event, out, depth);
      default:
        return fail(out.start, "not valid YAML");
    }
  }

  bool alias(const Event& event, Node& out) {
    out.kind = Kind::alias;
    out.text = text_of(event->data.alias.anchor);
    const auto found = anchors_.find(out.text);
    if (found == anchors_.end())
      return fail(out.start, fmt::format("unknown anchor {}", in_quotes(out.text)));
    if (!found->second.node)
      return fail(out.start, fmt::format("anchor {} contains itself", in_quotes(out.text)));
    out.anchor = found->second.number;
    out.target = found->second.node;
    return true;
  }

  bool scalar_node(const Event& event, Node& out) {
    const auto& data = event->data.scalar;
    out.kind = Kind::scalar;
    out.text.assign(reinterpret_cast<const char*>(data.value), data.length);
    out.plain = data.style == YAML_PLAIN_SCALAR_STYLE;
    bytes_ += data.length;
    if (const auto tag = resolve(out.text, out.plain, text_of(data.tag))) {
      out.tag = *tag;
    } else {
      out.tag = Tag::string;
      faults_.push_back(
          {out.start, fmt::format("{} is not a {}", in_quotes(out.text), text_of(data.tag))});
    }
    return close_anchor(open_anchor(data.anchor), out);
  }

  bool sequence(Event& event, Node& out, int depth) {
    out.kind = Kind::sequence;
    const std::string anchor = open_anchor(event->data.sequence_start.anchor);
    for (;;) {
      if (!next(event)) return false;
      if (event->type == YAML_SEQUENCE_END_EVENT) break;
      if (!node(event, out.items.emplace_back(), depth + 1)) return false;
    }
    out.end = mark(event->end_mark);
    return close_anchor(anchor, out);
  }

  bool mapping(Event& event, Node& out, int depth) {
    out.kind = Kind::mapping;
    const std::string anchor = open_anchor(event->data.mapping_start.anchor);
    out.entries.reserve(4);  // most have some, and an entry is large to move
    for (;;) {
      if (!next(event)) return false;
      if (event->type == YAML_MAPPING_END_EVENT) break;
      Entry& entry = out.entries.emplace_back();
      if (!node(event, entry.key, depth + 1)) return false;
      if (!next(event) || !node(event, entry.value, depth + 1)) return false;
      check_key(entry.key);
      if (bytes_ > kMaxExpandedBytes)
        return fail(out.start, "keys hold more than a configuration may");
      if (entry.key.kind != Kind::scalar) out.entries.pop_back();
    }
    check_duplicates(out);
    out.end = mark(event->end_mark);
    return close_anchor(anchor, out);
  }

  void check_duplicates(const Node& mapping) {
    constexpr std::size_t kFew = 24;  // up to there, comparing all of them is the fastest
    const std::vector<Entry>& entries = mapping.entries;
    std::unordered_map<std::string_view, const Node*> seen;
    for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
      const Node* first = nullptr;
      if (entries.size() <= kFew) {
        const auto same = std::find_if(entries.begin(), entry, [&](const Entry& earlier) {
          return earlier.key.text == entry->key.text;
        });
        if (same != entry) first = &same->key;
      } else if (const auto [same, is_new] = seen.emplace(entry->key.text, &entry->key); !is_new) {
        first = same->second;
      }
      if (!first) continue;
      faults_.push_back(
          {entry->key.start, fmt::format("duplicate key {}: already defined in line {}",
                                         in_quotes(entry->key.text), first->start.line)});
    }
  }

  void check_key(Node& key) {
    if (key.kind == Kind::alias && key.target->kind == Kind::scalar) {
      key = Node(*key.target);
      bytes_ += key.text.size();
    }
    if (key.kind != Kind::scalar)
      faults_.push_back({key.start, "a key must be text (quote it if it begins with [, { or *)"});
  }

  // From here to close_anchor the anchor is known, but has no value.
  std::string open_anchor(const yaml_char_t* name) {
    std::string anchor(text_of(name));
    if (!anchor.empty()) anchors_[anchor] = Anchor{next_anchor(), nodes_, bytes_, nullptr};
    return anchor;
  }

  bool close_anchor(const std::string& name, Node& out) {
    if (name.empty()) return true;
    Anchor& anchor = anchors_[name];
    out.anchor = anchor.number;
    // Nested anchors hold copies of copies.
    copied_nodes_ += nodes_ - anchor.first_node;
    copied_bytes_ += bytes_ - anchor.first_byte;
    if (copied_nodes_ > kMaxNodes || copied_bytes_ > kMaxExpandedBytes)
      return fail(out.start, "anchors hold more than a configuration may");
    anchor.node = std::make_shared<const Node>(out);
    return true;
  }

  Mark mark(const yaml_mark_t& at) const {
    return original({source_, static_cast<int>(at.line) + 1, static_cast<int>(at.column) + 1});
  }
  // A place in `text_` as one in the source.
  Mark original(Mark mark) const {
    mark.source = source_;
    for (auto map = maps_.rbegin(); map != maps_.rend(); ++map) mark = map->original(mark);
    return mark;
  }

  bool fail(Mark at, std::string message) {
    fault_ = {at, std::move(message)};
    return false;
  }

  yaml_parser_t parser_{};
  const std::string_view text_;
  const int source_;
  const std::vector<ColumnMap>& maps_;
  std::unordered_map<std::string, Anchor> anchors_;
  std::vector<Fault> faults_;
  Fault fault_;
  int nodes_ = 0;  // read so far
  std::size_t bytes_ = 0;
  int copied_nodes_ = 0;  // kept for aliases, in addition
  std::size_t copied_bytes_ = 0;
};

}  // namespace

const Node* Node::find(std::string_view key) const {
  const auto found =
      std::ranges::find_if(entries, [&](const Entry& e) { return e.key.text == key; });
  return found == entries.end() ? nullptr : &found->value;
}

Node* Node::find(std::string_view key) {
  const auto found =
      std::ranges::find_if(entries, [&](const Entry& e) { return e.key.text == key; });
  return found == entries.end() ? nullptr : &found->value;
}

void set(Node& node, std::string_view key, Node value) {
  if (Node* old = node.find(key)) {
    *old = std::move(value);
    return;
  }
  Node name;
  name.tag = Tag::string;
  name.start = name.end = value.start;
  name.text = key;
  node.entries.push_back({std::move(name), std::move(value)});
}

void erase(Node& node, std::string_view key) {
  std::erase_if(node.entries, [&](const Entry& e) { return e.key.text == key; });
}

Node scalar(std::string text, Mark at) {
  Node node;
  node.text = std::move(text);
  node.tag = resolve(node.text, true, {}).value_or(Tag::string);
  node.start = node.end = at;
  return node;
}

tl::expected<Document, Fault> parse_yaml(std::string_view text, int source,
                                         const std::vector<ColumnMap>& maps) {
  if (text.size() > kMaxTextBytes)
    return tl::unexpected(
        Fault{{source, 1, 1}, fmt::format("longer than {} MiB", kMaxTextBytes >> 20)});
  return Parser(text, source, maps).document();
}

}  // namespace llama_swap::config
