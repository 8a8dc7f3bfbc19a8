// Finds the top-level members `model` and `stream` of a JSON object while it arrives, by skipping:
// no tree, no validation, no memory but for the two values. What it skips costs 0.1 to 1 ns per
// byte.
//
// Lenient on purpose (http-api.md 6.2): a truncated or otherwise invalid document gives whatever
// can be found in it. The first member of a name counts. Anything but an object has no members.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llama_swap::server {

// A run of bytes of a body.
struct ByteSpan {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const ByteSpan&) const = default;
};

class JsonScan {
 public:
  enum class Wanted { model, model_and_stream };
  explicit JsonScan(Wanted wanted = Wanted::model_and_stream)
      : seen_stream_(wanted == Wanted::model) {}

  // A longer value counts as absent.
  static constexpr std::size_t kMaxValue = 64 * 1024;

  // The next piece of the document, cut anywhere.
  void feed(std::string_view piece);
  // The document is over: a number or literal that stands last is now complete.
  void finish();
  // All that is wanted is found or the object is over: more pieces change nothing.
  bool done() const { return state_ == State::done; }

  // The decoded text of a string, the text as written of any other value; "" if absent or null.
  const std::string& model() const { return model_; }
  // Where the value stands in the document, quotes included; length 0 while model() is "".
  ByteSpan model_span() const { return model_span_; }
  // true; "true", "1", "t" in any case; a number other than 0.
  bool streaming() const { return streaming_; }

 private:
  enum class State {
    start,         // before the object
    before_key,    // in the object, between members
    key,           // in a name
    before_value,  // after a name
    text,          // in a value that is a string
    nested,        // in a value that is an object or array, outside its strings
    nested_text,   // in one of its strings
    scalar,        // in a number or literal
    done,
  };
  enum class Member { other, model, stream };

  // Each takes bytes off [p, end), goes to another state or takes at least one, and returns where
  // it stopped.
  const char* skip_to_object(const char* p, const char* end);
  const char* between_members(const char* p, const char* end);
  const char* in_string(const char* p, const char* end);
  const char* begin_value(const char* p);
  const char* in_nested(const char* p, const char* end);
  const char* in_scalar(const char* p, const char* end);

  void begin_text(State state);
  const char* skip_text(const char* p, const char* end, bool& closed);
  std::uint64_t offset(const char* p) const {
    return consumed_ + static_cast<std::uint64_t>(p - piece_);
  }
  void keep(const char* begin, const char* end);
  void end_key();
  void end_value(std::uint64_t end_offset);

  State state_ = State::start;
  Member member_ = Member::other;  // whose value is being read
  bool escaped_ = false;           // the next byte of a string follows a backslash
  bool has_escapes_ = false;       // of the string being kept
  bool oversized_ = false;         // what is being kept is longer than its bound
  bool seen_model_ = false;
  bool seen_stream_;
  std::uint64_t depth_ = 0;         // of brackets within the value being read
  std::uint64_t consumed_ = 0;      // bytes of the document before the piece at hand
  std::uint64_t value_offset_ = 0;  // of the value being read
  const char* piece_ = nullptr;     // the piece at hand, during feed()
  std::string kept_;                // raw text of the name or value being read

  std::string model_;
  ByteSpan model_span_;
  bool streaming_ = false;
};

// The text of a JSON string without its quotes, escapes undone. Escapes that make no sense give
// their own characters, lone surrogates U+FFFD.
std::string decode_json_text(std::string_view raw);

}  // namespace llama_swap::server
