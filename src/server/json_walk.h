// The machine under those who read JSON without a tree: it goes through a document that arrives in
// pieces, and stops at the names and values of the containers that its reader looks into. All else
// is skipped, at 0.1 to 1 ns per byte.
//
// Lenient on purpose (http-api.md 6.2): no document is invalid, some have nothing to stop at. All
// readers use this one machine, so they mean the same members.
//
// A reader is a class that derives from JsonWalk<itself> and has
//
//   bool opens(char bracket, std::uint64_t at)  the document is an object or array: look into it?
//   std::size_t kept_bytes(bool name)           how long a name or value may be to be of interest
//   void begin_name(std::uint64_t at)           of a member; `at` is that of its quote
//   void end_name()                             it is in kept_, unless oversized_
//   void no_name()                              the next value is no member's, nor an element
//   bool begin_value(std::uint64_t at, char c)  if c is a bracket: look into it?
//   void end_value(std::uint64_t end)           of one that was not looked into; text in kept_
//   JsonAround close(std::uint64_t end)         of one that was; says what is around it
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/json_text.h"

namespace llama_swap::server {

// What a container stands in.
enum class JsonAround { nothing, object, array };

template <class Reader>
class JsonWalk {
 public:
  // The next piece of the document, cut anywhere.
  void feed(std::string_view piece);
  // The document is over: a number or literal that stands last is now complete.
  void finish();
  // More pieces change nothing.
  bool done() const { return state_ == State::done; }

 protected:
  enum class Shape { text, nested, scalar };

  void stop() { state_ = State::done; }
  Shape shape() const { return shape_; }  // of the value that ends

  bool oversized_ = false;    // what is being kept is longer than kept_bytes()
  bool has_escapes_ = false;  // of the string being kept
  std::string kept_;          // raw text of the name or value being read, without its quotes

 private:
  enum class State {
    start,         // before the outermost container
    before_name,   // in an object, between members
    name,          //
    before_value,  // after a name, or between elements
    text,          // in a value that is a string
    nested,        // in a value that is an object or array, outside its strings
    nested_text,   // in one of its strings
    scalar,        // in a number or literal
    done,
  };

  Reader& reader() { return static_cast<Reader&>(*this); }
  std::uint64_t offset(const char* p) const {
    return consumed_ + static_cast<std::uint64_t>(p - piece_);
  }

  // Each takes bytes off [p, end), goes to another state or takes at least one, and returns where
  // it stopped.
  const char* skip_to_container(const char* p, const char* end);
  const char* between_members(const char* p, const char* end);
  const char* in_string(const char* p, const char* end);
  const char* before_value(const char* p);
  const char* in_nested(const char* p, const char* end);
  const char* in_scalar(const char* p, const char* end);

  const char* begin_value(const char* p);
  const char* skip_text(const char* p, const char* end, bool& closed);
  void begin_text(State state);
  void enter(bool array);
  void leave(const char* end);
  void end_value(Shape shape, std::uint64_t end);
  void keep(const char* begin, const char* end);

  State state_ = State::start;
  Shape shape_ = Shape::scalar;
  bool in_array_ = false;        // the innermost container that is looked into is an array
  bool escaped_ = false;         // the next byte of a string follows a backslash
  std::uint64_t depth_ = 0;      // of brackets within the value being skipped
  std::uint64_t consumed_ = 0;   // bytes of the document before the piece at hand
  const char* piece_ = nullptr;  // the piece at hand, during feed()
};

template <class Reader>
void JsonWalk<Reader>::feed(std::string_view piece) {
  const char* p = piece_ = piece.data();
  const char* const end = p + piece.size();
  while (p != end) {
    switch (state_) {
      case State::start:
        p = skip_to_container(p, end);
        break;
      case State::before_name:
        p = between_members(p, end);
        break;
      case State::name:
      case State::text:
        p = in_string(p, end);
        break;
      case State::before_value:
        p = before_value(p);
        break;
      case State::nested:
      case State::nested_text:
        p = in_nested(p, end);
        break;
      case State::scalar:
        p = in_scalar(p, end);
        break;
      case State::done:
        p = end;
    }
  }
  consumed_ += piece.size();
}

template <class Reader>
void JsonWalk<Reader>::finish() {
  if (state_ == State::scalar) end_value(Shape::scalar, consumed_);
  state_ = State::done;
}

template <class Reader>
const char* JsonWalk<Reader>::skip_to_container(const char* p, const char* end) {
  p = json::find_structure(p, end);
  if (p == end) return end;
  if ((*p == '{' || *p == '[') && reader().opens(*p, offset(p))) {
    enter(*p == '[');
  } else {
    state_ = State::done;
  }
  return p + 1;
}

template <class Reader>
const char* JsonWalk<Reader>::between_members(const char* p, const char* end) {
  p = json::find_structure(p, end);
  if (p == end) return end;
  if (*p == '"') {
    reader().begin_name(offset(p));
    begin_text(State::name);
  } else if (*p == '}') {
    leave(p + 1);
  } else if (*p != ']') {  // a value where a name should be
    reader().no_name();
    return begin_value(p);
  }
  return p + 1;
}

template <class Reader>
const char* JsonWalk<Reader>::before_value(const char* p) {
  const char c = *p;
  if (c == ':' || json::is_space(c)) return p + 1;
  if (c == (in_array_ ? ']' : '}')) {
    leave(p + 1);
    return p + 1;
  }
  if (c == ']' || c == '}') return p + 1;
  if (c == ',') {
    if (!in_array_) state_ = State::before_name;
    return p + 1;
  }
  return begin_value(p);
}

template <class Reader>
const char* JsonWalk<Reader>::begin_value(const char* p) {
  const char c = *p;
  const bool looked_into = reader().begin_value(offset(p), c);
  if (c == '"') {
    begin_text(State::text);
    return p + 1;
  }
  if (c != '{' && c != '[') {
    begin_text(State::scalar);
    return p;
  }
  if (looked_into) {
    enter(c == '[');
    return p + 1;
  }
  begin_text(State::nested);
  keep(p, p + 1);
  depth_ = 1;
  return p + 1;
}

template <class Reader>
void JsonWalk<Reader>::enter(bool array) {
  in_array_ = array;
  state_ = array ? State::before_value : State::before_name;
}

template <class Reader>
void JsonWalk<Reader>::leave(const char* end) {
  const JsonAround around = reader().close(offset(end));
  if (around == JsonAround::nothing) {
    state_ = State::done;
  } else {
    enter(around == JsonAround::array);
  }
}

template <class Reader>
void JsonWalk<Reader>::begin_text(State state) {
  state_ = state;
  kept_.clear();
  oversized_ = false;
  has_escapes_ = false;
}

// Up to and including the closing quote, or to the end.
template <class Reader>
const char* JsonWalk<Reader>::skip_text(const char* p, const char* end, bool& closed) {
  closed = false;
  if (escaped_) {
    escaped_ = false;
    ++p;
  }
  for (;;) {
    p = json::find_string_end(p, end);
    if (p == end) return end;
    if (*p == '"') {
      closed = true;
      return p + 1;
    }
    has_escapes_ = true;
    if (end - p < 2) {
      escaped_ = true;
      return end;
    }
    p += 2;
  }
}

template <class Reader>
const char* JsonWalk<Reader>::in_string(const char* p, const char* end) {
  bool closed = false;
  const char* stop = skip_text(p, end, closed);
  keep(p, closed ? stop - 1 : stop);
  if (closed && state_ == State::name) {
    state_ = State::before_value;
    reader().end_name();
  } else if (closed) {
    end_value(Shape::text, offset(stop));
  }
  return stop;
}

template <class Reader>
const char* JsonWalk<Reader>::in_nested(const char* p, const char* end) {
  const char* const begin = p;
  bool in_text = state_ == State::nested_text;
  while (p != end) {
    if (in_text) {
      bool closed = false;
      p = skip_text(p, end, closed);
      in_text = !closed;
      continue;
    }
    p = json::find_structure(p, end);
    if (p == end) break;
    const char c = *p++;
    if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (--depth_ == 0) {
      keep(begin, p);
      end_value(Shape::nested, offset(p));
      return p;
    }
  }
  keep(begin, p);
  state_ = in_text ? State::nested_text : State::nested;
  return p;
}

template <class Reader>
const char* JsonWalk<Reader>::in_scalar(const char* p, const char* end) {
  const char* stop = std::find_if(p, end, json::ends_scalar);
  keep(p, stop);
  if (stop != end) end_value(Shape::scalar, offset(stop));
  return stop;
}

template <class Reader>
void JsonWalk<Reader>::end_value(Shape shape, std::uint64_t end) {
  shape_ = shape;
  state_ = in_array_ ? State::before_value : State::before_name;
  reader().end_value(end);
}

template <class Reader>
void JsonWalk<Reader>::keep(const char* begin, const char* end) {
  if (oversized_) return;
  const auto size = static_cast<std::size_t>(end - begin);
  if (kept_.size() + size > reader().kept_bytes(state_ == State::name)) {
    oversized_ = true;
    return;
  }
  kept_.append(begin, size);
}

}  // namespace llama_swap::server
