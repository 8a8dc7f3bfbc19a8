#include "usage/member_extractor.h"

#include <algorithm>

namespace llama_swap::usage {

MemberExtractor::MemberExtractor(std::span<const Member> wanted, Array array)
    : wanted_(wanted), array_(array), texts_(wanted.size()) {
  for (const Member& member : wanted)
    longest_name_ = std::max({longest_name_, member.parent.size(), member.name.size()});
}

void MemberExtractor::restart() {
  JsonWalk::restart();
  forget();
  level_ = Level::outside;
  in_array_ = false;
  no_name();
}

void MemberExtractor::forget() {
  for (std::string& text : texts_) text.clear();
}

std::size_t MemberExtractor::kept_bytes() const {
  std::size_t sum = kept_.capacity();
  for (const std::string& text : texts_) sum += text.capacity();
  return sum;
}

bool MemberExtractor::opens(char bracket, std::uint64_t) {
  in_array_ = bracket == '[';
  if (in_array_ && array_ == Array::ignored) return false;
  level_ = in_array_ ? Level::elements : Level::object;
  return true;
}

void MemberExtractor::end_name() {
  no_name();
  if (oversized_) return;
  const std::string_view parent = level_ == Level::parent ? parent_ : std::string_view();
  for (std::size_t i = 0; i < wanted_.size(); ++i) {
    if (wanted_[i].parent == parent && wanted_[i].name == kept_) member_ = i;
    if (level_ == Level::object && wanted_[i].parent == kept_) opening_ = wanted_[i].parent;
  }
}

void MemberExtractor::no_name() {
  member_ = kNone;
  opening_ = {};
}

bool MemberExtractor::begin_value(std::uint64_t, char c) {
  if (level_ == Level::elements) {
    forget();
    if (c == '{') level_ = Level::object;
    return c == '{';
  }
  if (c != '{' || opening_.empty()) return false;
  parent_ = opening_;
  level_ = Level::parent;
  return true;
}

void MemberExtractor::end_value(std::uint64_t) {
  if (member_ == kNone) return;
  std::string& text = texts_[member_];
  if (shape() == Shape::text) {
    text = '"';
    text += kept_;
    if (!oversized_) text += '"';
  } else if (oversized_) {
    text.clear();
  } else {
    text = kept_;
  }
  no_name();
}

util::JsonAround MemberExtractor::close(std::uint64_t) {
  no_name();
  if (level_ == Level::parent) {
    level_ = Level::object;
    return util::JsonAround::object;
  }
  const bool element = level_ == Level::object && in_array_;
  level_ = element ? Level::elements : Level::outside;
  return element ? util::JsonAround::array : util::JsonAround::nothing;
}

}  // namespace llama_swap::usage
