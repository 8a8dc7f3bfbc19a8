// Takes the text of a few members out of a JSON document of any length while it arrives. Keeps
// nothing else: no tree, and memory that depends on what is wanted only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/json_walk.h"

namespace llama_swap::usage {

// A member of the document's object, or, with a parent, of the object that this member of it is.
struct Member {
  std::string_view parent;
  std::string_view name;
};

// Names are compared as written: one with escapes is none of ours. Of several members of the same
// name the last one counts.
class MemberExtractor : public util::JsonWalk<MemberExtractor> {
 public:
  enum class Array {
    ignored,       // an array as the document has no members
    last_element,  // its last element takes the place of the document
  };

  static constexpr std::size_t kMaxText = 16 * 1024;

  // `wanted` must outlive this object.
  explicit MemberExtractor(std::span<const Member> wanted, Array array = Array::ignored);

  // The value of wanted[i] as written, once it has arrived whole; "" before that, and if there is
  // none. Of a string that is too long the beginning, without a closing quote; any other value that
  // is too long counts as absent.
  const std::string& text(std::size_t i) const { return texts_[i]; }

  // Ready for another document.
  void restart();

  // All that this object holds on to.
  std::size_t kept_bytes() const;

 private:
  friend class util::JsonWalk<MemberExtractor>;

  // The innermost container that is looked into.
  enum class Level : std::uint8_t { outside, elements, object, parent };

  bool opens(char bracket, std::uint64_t);
  std::size_t kept_bytes(bool name) const {
    return name ? longest_name_ : member_ == kNone ? 0 : kMaxText;
  }
  void begin_name(std::uint64_t) {}
  void end_name();
  void no_name();
  bool begin_value(std::uint64_t, char c);
  void end_value(std::uint64_t);
  util::JsonAround close(std::uint64_t);

  void forget();

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  const std::span<const Member> wanted_;
  const Array array_;
  std::size_t longest_name_ = 0;
  std::vector<std::string> texts_;  // one for each of wanted_
  Level level_ = Level::outside;
  bool in_array_ = false;    // the object is an element of the document
  std::string_view parent_;  // on that level: its name

  // Whose value comes, or is being read:
  std::size_t member_ = kNone;  // which of wanted_
  std::string_view opening_;    // the parent it is, if it is an object
};

}  // namespace llama_swap::usage
