// Follows the chunked coding (RFC 9112 7.1) over pieces that are cut anywhere, to find the end of a
// body without re-making it, and to reach the payload. A chunk that lies wholly in the piece costs
// some nanoseconds.
//
//   std::size_t mine = follower.follow(piece);           // relay verbatim: this many bytes belong
//   to the body
//
//   std::string_view rest = piece;                       // or decode
//   for (auto data = follower.next(rest); !data.empty(); data = follower.next(rest)) use(data);
//
// After either: complete(): the body ended, and what was not consumed belongs to the next message.
// broken(): not chunked coding; what was not consumed starts at the offending byte. Otherwise the
// piece is used up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace llama_swap::net {

class ChunkFollower {
 public:
  enum class Mode {
    strict,   // requests: exactly the grammar
    lenient,  // answers: a bare LF ends a line, white space may follow a size, trailer lines may
              // look like anything
  };
  // Bounds, in both modes: of one size line with its extensions, of all trailers together, and of
  // what size lines may amount to beyond a fair share of the payload (extensions are a way to send
  // much and say nothing).
  static constexpr std::size_t kMaxSizeLine = 4096;
  static constexpr std::size_t kMaxTrailers = 64 * 1024;
  static constexpr std::int64_t kMaxExcess = 16 * 1024;

  explicit ChunkFollower(Mode mode) : mode_(mode) {}

  // Takes what stands before the next run of payload, and that run, off the front of `bytes`, and
  // returns the run (a view into `bytes`). Empty: no more payload in `bytes`.
  std::string_view next(std::string_view& bytes);

  // The number of bytes of `bytes` that belong to this body.
  std::size_t follow(std::string_view bytes) {
    std::string_view rest = bytes;
    while (!next(rest).empty()) {
    }
    return bytes.size() - rest.size();
  }

  bool complete() const { return state_ == State::complete; }
  bool broken() const { return state_ == State::broken; }
  // Nothing but the final CRLF is missing: an answer that ends here has lost nothing.
  bool payload_complete() const {
    return complete() || ((state_ == State::trailer || state_ == State::trailer_lf) &&
                          trailers_.size() == trailer_line_);
  }
  // No line that only a lenient reader takes has come so far.
  bool is_canonical() const { return canonical_; }
  // In payload, or before a chunk; not in a size line, a line end, or after the last chunk.
  bool between_lines() const {
    return state_ == State::data || state_ == State::data_cr || state_ == State::size_start;
  }
  // In payload, or in the line end after it.
  bool in_chunk() const {
    return state_ == State::data || state_ == State::data_cr || state_ == State::data_lf;
  }
  std::uint64_t chunks() const { return chunks_; }          // that have begun, without the last
  std::uint64_t chunk_size() const { return chunk_size_; }  // of the one that began last
  std::string_view error() const { return error_; }         // of broken: a static text

  // Once complete: the trailer lines, each ended by "\r\n"; empty if there were none.
  const std::string& trailers() const { return trailers_; }

 private:
  enum class State {
    size_start,  // the first digit of a size
    size,        // further digits
    size_space,  // white space after a size
    extension,   // after ';', up to the line end
    size_lf,     // CR seen, the LF of a size line
    data,        // remaining_ bytes of payload
    data_cr,     // the line end after payload
    data_lf,     // CR seen, its LF
    trailer,     // in a trailer line, or the empty line that ends the body
    trailer_lf,  // CR seen, its LF
    complete,
    broken,
  };

  bool take_plain_line(const char*& p, const char* end);
  void step(char c);
  void step_size_line(char c);
  void step_trailer(char c);
  void end_size_line();
  void end_trailer_line();
  void break_off(std::string_view why);

  Mode mode_;
  State state_ = State::size_start;
  bool last_chunk_ = false;  // the chunk of size 0 has been seen
  bool canonical_ = true;
  std::uint64_t chunks_ = 0;
  std::uint64_t chunk_size_ = 0;
  std::uint64_t remaining_ = 0;   // of the size read so far, or of payload to come
  std::size_t line_length_ = 0;   // of the size line so far
  std::int64_t excess_ = 0;       // see kMaxExcess
  std::size_t trailer_line_ = 0;  // where in trailers_ the current line starts
  std::string trailers_;
  std::string_view error_;
};

// A field line as far as smuggling is concerned: a name without blanks, then a colon.
bool is_field_line(std::string_view line);

}  // namespace llama_swap::net
