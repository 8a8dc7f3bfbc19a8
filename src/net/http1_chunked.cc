#include "net/http1_chunked.h"

#include <algorithm>

#include "util/byte_search.h"
#include "util/percent.h"

namespace llama_swap::net {
namespace {

bool is_control(char c) {
  return util::find_control(&c, &c + 1) == &c;
}

}  // namespace

bool is_field_line(std::string_view line) {
  const auto colon = line.find(':');
  return colon != std::string_view::npos && colon > 0 &&
         line.substr(0, colon).find_first_of(" \t") == std::string_view::npos;
}

std::string_view ChunkFollower::next(std::string_view& bytes) {
  const char* p = bytes.data();
  const char* const end = p + bytes.size();
  std::string_view payload;
  while (p != end && state_ < State::complete) {
    if (state_ == State::data) {
      const auto n = std::min<std::uint64_t>(remaining_, static_cast<std::uint64_t>(end - p));
      payload = {p, static_cast<std::size_t>(n)};
      p += n;
      remaining_ -= n;
      if (remaining_ == 0) state_ = State::data_cr;
      break;
    }
    if (take_plain_line(p, end)) continue;
    step(*p);
    if (state_ == State::broken) break;
    ++p;
  }
  bytes = {p, static_cast<std::size_t>(end - p)};
  return payload;
}

// The lines of nearly every chunk, taken at once where they are whole: CRLF after payload, and a
// size without anything else. Everything unusual is left to step().
bool ChunkFollower::take_plain_line(const char*& p, const char* end) {
  if (state_ == State::data_cr && end - p >= 2 && p[0] == '\r' && p[1] == '\n') {
    p += 2;
    state_ = State::size_start;
    return true;
  }
  constexpr int kMaxDigits = 8;
  if (state_ != State::size_start || end - p < kMaxDigits + 2) return false;
  std::uint64_t size = 0;
  int digits = 0;
  for (int digit = util::hex_digit(p[0]); digit >= 0 && digits < kMaxDigits;
       digit = util::hex_digit(p[++digits]))
    size = size * 16 + static_cast<unsigned>(digit);
  if (digits == 0 || p[digits] != '\r' || p[digits + 1] != '\n') return false;
  remaining_ = size;
  line_length_ = static_cast<std::size_t>(digits) + 2;
  p += line_length_;
  end_size_line();
  return true;
}

void ChunkFollower::step(char c) {
  switch (state_) {
    case State::data_cr:
      if (c == '\r') {
        state_ = State::data_lf;
      } else if (c == '\n' && mode_ == Mode::lenient) {
        canonical_ = false;
        state_ = State::size_start;
      } else {
        break_off("no line end after a chunk");
      }
      return;
    case State::data_lf:
      if (c != '\n') return break_off("no line end after a chunk");
      state_ = State::size_start;
      return;
    case State::trailer:
    case State::trailer_lf:
      return step_trailer(c);
    default:
      return step_size_line(c);
  }
}

void ChunkFollower::step_size_line(char c) {
  if (++line_length_ > kMaxSizeLine) return break_off("chunk size line too long");
  if (state_ == State::size_lf) {
    if (c != '\n') return break_off("carriage return inside a chunk size line");
    return end_size_line();
  }
  if (state_ == State::size_start || state_ == State::size) {
    if (const int digit = util::hex_digit(c); digit >= 0) {
      // Below 2^59 before, so below 2^63 after.
      if (remaining_ >> 59) return break_off("chunk size too large");
      remaining_ = remaining_ * 16 + static_cast<unsigned>(digit);
      state_ = State::size;
      return;
    }
    if (state_ == State::size_start) return break_off("chunk without a size");
  }
  if (c == '\r') {
    // "5 CRLF" is nobody's grammar, and readers differ on it.
    if (state_ == State::size_space && mode_ == Mode::strict)
      return break_off("blank after a chunk size");
    canonical_ = canonical_ && state_ != State::size_space;
    state_ = State::size_lf;
  } else if (c == '\n') {
    if (mode_ == Mode::strict) return break_off("line feed without carriage return");
    canonical_ = false;
    end_size_line();
  } else if (state_ == State::extension) {
    if (is_control(c)) break_off("control character in a chunk extension");
  } else if (c == ';') {
    state_ = State::extension;
  } else if (c == ' ' || c == '\t') {
    state_ = State::size_space;
  } else {
    break_off("malformed chunk size");
  }
}

void ChunkFollower::end_size_line() {
  // A size line of up to 16 bytes is fair for any chunk, a longer one for a larger chunk.
  const auto share =
      static_cast<std::int64_t>(16 + std::min<std::uint64_t>(remaining_, 1 << 20) * 2);
  excess_ = std::max<std::int64_t>(0, excess_ + static_cast<std::int64_t>(line_length_) - share);
  if (excess_ > kMaxExcess) return break_off("more chunk framing than payload");
  line_length_ = 0;
  last_chunk_ = remaining_ == 0;
  state_ = last_chunk_ ? State::trailer : State::data;
  if (last_chunk_) return;
  ++chunks_;
  chunk_size_ = remaining_;
}

void ChunkFollower::step_trailer(char c) {
  if (state_ == State::trailer_lf) {
    if (c != '\n') return break_off("carriage return inside a trailer");
    return end_trailer_line();
  }
  if (c == '\r') {
    state_ = State::trailer_lf;
  } else if (c == '\n') {
    if (mode_ == Mode::strict) return break_off("line feed without carriage return");
    canonical_ = false;
    end_trailer_line();
  } else if (is_control(c)) {
    break_off("control character in a trailer");
  } else if (trailers_.size() >= kMaxTrailers) {
    break_off("trailers too long");
  } else {
    trailers_ += c;
  }
}

void ChunkFollower::end_trailer_line() {
  const std::string_view line = std::string_view(trailers_).substr(trailer_line_);
  if (line.empty()) {
    state_ = State::complete;
    return;
  }
  if (!is_field_line(line)) {
    if (mode_ == Mode::strict) return break_off("malformed trailer");
    canonical_ = false;
  }
  trailers_ += "\r\n";
  trailer_line_ = trailers_.size();
  state_ = State::trailer;
}

void ChunkFollower::break_off(std::string_view why) {
  state_ = State::broken;
  error_ = why;
}

}  // namespace llama_swap::net
