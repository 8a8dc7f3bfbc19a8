// Finds the top-level members `model` and `stream` of a JSON object while it arrives: no tree, no
// validation, no memory but for the two values.
//
// A truncated or otherwise invalid document gives whatever can be found in it (http-api.md 6.2).
// The first member of a name counts. Anything but an object has no members.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "server/json_text.h"
#include "util/json_walk.h"

namespace llama_swap::server {

// Done when all that is wanted is found, or the object is over.
class JsonScan : public util::JsonWalk<JsonScan> {
 public:
  // every_model: both, and whether another reader may find another model. Looks at all of it.
  enum class Wanted { model, model_and_stream, every_model };
  explicit JsonScan(Wanted wanted = Wanted::model_and_stream)
      : every_(wanted == Wanted::every_model), seen_stream_(wanted == Wanted::model) {}

  // A longer value counts as absent.
  static constexpr std::size_t kMaxValue = 64 * 1024;

  // The decoded text of a string, the text as written of any other value; "" if absent or null.
  const std::string& model() const { return model_; }
  // Where the value stands in the document, quotes included; length 0 while model() is "".
  ByteSpan model_span() const { return model_span_; }
  // true; "true", "1", "t" in any case; a number other than 0.
  bool streaming() const { return streaming_; }
  // Some servers take the last member of a name, some take "Model" for "model".
  bool ambiguous() const { return models_ > 1; }

 private:
  friend class util::JsonWalk<JsonScan>;
  enum class Member { other, model, stream };

  bool opens(char bracket, std::uint64_t at);
  std::size_t kept_bytes(bool name) const;
  void begin_name(std::uint64_t) {}
  void end_name();
  void no_name() { member_ = Member::other; }
  bool begin_value(std::uint64_t at, char c);
  void end_value(std::uint64_t end);
  util::JsonAround close(std::uint64_t) { return util::JsonAround::nothing; }

  const bool every_;
  Member member_ = Member::other;  // whose value is being read
  int models_ = 0;                 // members that a server might take for the model
  bool seen_model_ = false;
  bool seen_stream_;
  std::uint64_t value_offset_ = 0;  // of the value being read

  std::string model_;
  ByteSpan model_span_;
  bool streaming_ = false;
};

}  // namespace llama_swap::server
