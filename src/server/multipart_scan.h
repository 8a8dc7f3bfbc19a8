// Finds the form fields `model` and `stream` of a multipart/form-data body (RFC 7578, RFC 2046 5.1)
// while it arrives. File data is skipped and never kept: what is held at any time is one part's
// header and one small value. Lines end in CRLF; within a part's header a bare LF will do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/json_scan.h"

namespace llama_swap::server {

class MultipartScan {
 public:
  static constexpr std::size_t kMaxParts = 1000;            // more: failed
  static constexpr std::size_t kMaxPartHeader = 16 * 1024;  // longer: failed
  static constexpr std::size_t kMaxValue =
      64 * 1024;  // a longer value of our two fields: counts as absent

  // The boundary is taken from the Content-Type of the request; failed at once if it has no valid
  // one.
  explicit MultipartScan(std::string_view content_type);

  void feed(std::string_view piece);
  // The body is over. Failed if its last delimiter is missing.
  void finish();
  bool failed() const { return !failure_.empty(); }
  std::string_view failure() const { return failure_; }  // a static text

  // The value of the first field of the name, as sent. A part with a file name is a file, not a
  // field.
  const std::optional<std::string>& model() const { return model_; }
  const std::optional<std::string>& stream() const { return stream_; }
  // Where the values of all `model` fields stand in the body, for verbatim replacement: a server
  // may read another one than the first. In order; complete after finish().
  const std::vector<ByteSpan>& model_spans() const { return model_spans_; }

 private:
  enum class State {
    data,             // of a part, or before the first delimiter
    after_delimiter,  // what decides whether it was one
    part_header,
    epilogue,  // after the last delimiter
  };
  enum class Field { other, model, stream };

  const char* in_data(const char* p, const char* end);
  const char* after_delimiter(const char* p);
  const char* in_part_header(const char* p, const char* end);
  void begin_part(std::uint64_t data_offset);
  void end_part();
  void keep(std::string_view bytes);
  void begin_delimiter(std::uint64_t at, std::size_t matched, std::size_t assumed);
  // What was held back as a possible delimiter was data after all.
  void release_delimiter();
  std::uint64_t offset(const char* p) const {
    return consumed_ + static_cast<std::uint64_t>(p - piece_);
  }

  State state_ = State::data;
  Field field_ = Field::other;
  std::string delimiter_;    // "\r\n--boundary"
  std::size_t matched_ = 2;  // bytes of delimiter_ seen; the body begins as if after a line end
  std::size_t assumed_ =
      2;              // how many of those are no bytes of the data: 2 at the begin of body and part
  std::string tail_;  // what came after a whole delimiter_, while it is open what it means
  std::string header_;      // of the part, as far as it has come
  std::string value_;       // of the field
  bool oversized_ = false;  // value_ is over kMaxValue
  std::size_t parts_ = 0;
  std::uint64_t consumed_ = 0;      // bytes of the body before the piece at hand
  std::uint64_t value_offset_ = 0;  // of the part's data
  std::uint64_t delimiter_at_ = 0;  // where the delimiter being matched began
  const char* piece_ = nullptr;     // the piece at hand, during feed()
  std::string_view failure_;

  std::optional<std::string> model_;
  std::optional<std::string> stream_;
  std::vector<ByteSpan> model_spans_;
};

// The value of a parameter of a header value such as `form-data; name="a b"`, unquoted; nothing if
// absent. The name is compared in any case.
std::optional<std::string> header_parameter(std::string_view header_value, std::string_view name);

}  // namespace llama_swap::server
