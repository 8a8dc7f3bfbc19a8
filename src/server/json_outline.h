// Where in a JSON document things stand that edits may change: of each container on one of their
// paths, what is in it. Found while the document arrives. How large an outline is depends on the
// paths, not on the document: neighbours that no edit can mean are one item.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/json_text.h"
#include "util/json_path.h"
#include "util/json_walk.h"

namespace llama_swap::server {

using JsonSteps = std::span<const util::JsonStep>;

struct JsonContainer;
struct JsonValue {
  ByteSpan span;                          // in the document
  std::unique_ptr<JsonContainer> inside;  // null: no container, or on no path
  std::optional<std::string> text;        // written over it by an edit
};

// A member of an object, or an element of an array.
struct JsonItem {
  std::string name;         // of a member that edits may mean, decoded
  std::uint64_t begin = 0;  // of the member with its name
  JsonValue value;
  std::uint64_t count = 1;  // of elements
  bool skipped = false;     // one or more neighbours that no edit can mean
  bool removed = false;     // by an edit
  bool added = false;       // by an edit: `value.text` is all there is
};

struct JsonContainer {
  bool is_array = false;
  std::uint64_t begin = 0;      // of its bracket
  std::vector<JsonItem> items;  // those that were added stand last
};

class JsonOutline : public util::JsonWalk<JsonOutline> {
 public:
  // All edits that will be made; none of the paths may be empty. They must outlive this object.
  explicit JsonOutline(const std::vector<JsonSteps>& paths);

  // The document is over. False: it is neither an object nor an array, or it is not complete.
  bool finish();
  // The document, after a finish() that was good.
  JsonValue& root() { return root_; }

 private:
  friend class util::JsonWalk<JsonOutline>;

  // A container that is being looked into.
  struct Frame {
    JsonContainer* container = nullptr;
    std::vector<JsonSteps> paths;  // what of the paths lies in it
    std::size_t head = 0;          // of an array: so many of its first elements are kept apart,
    std::size_t tail = 0;          // and so many of its last
  };

  bool opens(char bracket, std::uint64_t at);
  std::size_t kept_bytes(bool name) const { return name ? longest_name_ : 0; }
  void begin_name(std::uint64_t at) { item_begin_ = at; }
  void end_name();
  void no_name();
  bool begin_value(std::uint64_t at, char c);
  void end_value(std::uint64_t end);
  util::JsonAround close(std::uint64_t end);

  std::unique_ptr<JsonContainer> open(char bracket, std::uint64_t at, std::vector<JsonSteps> paths);
  void add(JsonItem item);
  void merge_middle(Frame& frame);

  const std::size_t edits_;       // each takes away one item at most
  std::size_t longest_name_ = 0;  // as written, of those that paths have
  std::vector<Frame> open_;       // outermost first
  JsonValue root_;
  bool complete_ = false;

  // The item whose value is being read:
  std::uint64_t item_begin_ = 0;
  std::uint64_t value_begin_ = 0;
  bool named_ = false;             // a member
  bool meant_ = false;             // by a path
  std::string name_;               // of a member that is meant
  std::vector<JsonSteps> inside_;  // what of the paths lies in it
};

}  // namespace llama_swap::server
