#include "server/json_scan.h"

#include <algorithm>
#include <utility>

#include "net/byte_search.h"
#include "util/text.h"

namespace llama_swap::server {
namespace {

// "stream" with every letter as an escape of 6 bytes: a longer name is none of ours.
constexpr std::size_t kMaxName = 36;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool ends_scalar(char c) {
  return is_space(c) || c == ',' || c == '}' || c == ']' || c == '"' || c == '{' || c == '[';
}

const char* find_string_end(const char* p, const char* end) {
  return net::find_first(
      p, end, [](net::Bytes16 b) { return b.equal('"') | b.equal('\\'); },
      [](char c) { return c == '"' || c == '\\'; });
}

// A quote or any bracket. '[' and ']' are '{' and '}' without the bit 0x20, and nothing else
// becomes them with it.
const char* find_structure(const char* p, const char* end) {
  return net::find_first(
      p, end,
      [](net::Bytes16 b) {
        const net::Bytes16 folded = b.with(0x20);
        return b.equal('"') | folded.equal('{') | folded.equal('}');
      },
      [](char c) { return c == '"' || (c | 0x20) == '{' || (c | 0x20) == '}'; });
}

bool is_true_text(std::string_view text) {
  return text == "1" || util::iequals(text, "t") || util::iequals(text, "true");
}

bool is_nonzero_number(std::string_view text) {
  if (text.empty() || (text[0] != '-' && (text[0] < '0' || text[0] > '9'))) return false;
  return text.substr(0, text.find_first_of("eE")).find_first_of("123456789") !=
         std::string_view::npos;
}

// The four hex digits at the front of `text`, or -1.
int hex4(std::string_view text) {
  if (text.size() < 4) return -1;
  int value = 0;
  for (const char c : text.substr(0, 4)) {
    const auto digit =
        std::string_view("0123456789abcdef").find(c >= 'A' ? static_cast<char>(c | 0x20) : c);
    if (digit == std::string_view::npos) return -1;
    value = value * 16 + static_cast<int>(digit);
  }
  return value;
}

void append_utf8(std::string& out, int code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

// Decodes what follows "\u" and takes it off the front of `text`.
void decode_unicode(std::string_view& text, std::string& out) {
  int code = hex4(text);
  if (code < 0) {
    out += 'u';
    return;
  }
  text.remove_prefix(4);
  if (code >= 0xd800 && code < 0xdc00 && text.starts_with("\\u")) {
    const int low = hex4(text.substr(2));
    if (low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      text.remove_prefix(6);
    }
  }
  append_utf8(out, code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
}

}  // namespace

std::string decode_json_text(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  while (!raw.empty()) {
    const auto backslash = std::min(raw.find('\\'), raw.size());
    out += raw.substr(0, backslash);
    raw.remove_prefix(backslash);
    if (raw.size() < 2) return out += raw;
    const char c = raw[1];
    raw.remove_prefix(2);
    switch (c) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'u':
        decode_unicode(raw, out);
        break;
      default:
        out += c;
    }
  }
  return out;
}

void JsonScan::feed(std::string_view piece) {
  const char* p = piece_ = piece.data();
  const char* const end = p + piece.size();
  while (p != end) {
    switch (state_) {
      case State::start:
        p = skip_to_object(p, end);
        break;
      case State::before_key:
        p = between_members(p, end);
        break;
      case State::key:
      case State::text:
        p = in_string(p, end);
        break;
      case State::before_value:
        p = begin_value(p);
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

void JsonScan::finish() {
  if (state_ == State::scalar) end_value(consumed_);
  state_ = State::done;
}

const char* JsonScan::skip_to_object(const char* p, const char* end) {
  p = find_structure(p, end);
  if (p == end) return end;
  state_ = *p == '{' ? State::before_key : State::done;
  return p + 1;
}

const char* JsonScan::between_members(const char* p, const char* end) {
  p = find_structure(p, end);
  if (p == end) return end;
  if (*p == '"') {
    begin_text(State::key);
  } else if (*p == '}') {
    state_ = State::done;
  } else if (*p != ']') {  // a value where a name should be
    member_ = Member::other;
    state_ = State::nested;
    depth_ = 1;
  }
  return p + 1;
}

const char* JsonScan::begin_value(const char* p) {
  const char c = *p;
  if (c == ':' || c == ']' || is_space(c)) return p + 1;
  if (c == '}') {
    state_ = State::done;
    return p + 1;
  }
  if (c == ',') {
    state_ = State::before_key;
    return p + 1;
  }
  value_offset_ = offset(p);
  if (c == '"') {
    begin_text(State::text);
    return p + 1;
  }
  kept_.clear();
  oversized_ = false;
  if (c == '{' || c == '[') {
    keep(p, p + 1);
    state_ = State::nested;
    depth_ = 1;
    return p + 1;
  }
  state_ = State::scalar;
  return p;
}

void JsonScan::begin_text(State state) {
  state_ = state;
  kept_.clear();
  oversized_ = false;
  has_escapes_ = false;
}

// Up to and including the closing quote, or to the end.
const char* JsonScan::skip_text(const char* p, const char* end, bool& closed) {
  closed = false;
  if (escaped_) {
    escaped_ = false;
    ++p;
  }
  for (;;) {
    p = find_string_end(p, end);
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

const char* JsonScan::in_string(const char* p, const char* end) {
  bool closed = false;
  const char* stop = skip_text(p, end, closed);
  keep(p, closed ? stop - 1 : stop);
  if (closed && state_ == State::key) {
    end_key();
  } else if (closed) {
    end_value(offset(stop));
  }
  return stop;
}

const char* JsonScan::in_nested(const char* p, const char* end) {
  const char* const begin = p;
  bool in_text = state_ == State::nested_text;
  while (p != end) {
    if (in_text) {
      bool closed = false;
      p = skip_text(p, end, closed);
      in_text = !closed;
      continue;
    }
    p = find_structure(p, end);
    if (p == end) break;
    const char c = *p++;
    if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (--depth_ == 0) {
      keep(begin, p);
      end_value(offset(p));
      return p;
    }
  }
  keep(begin, p);
  state_ = in_text ? State::nested_text : State::nested;
  return p;
}

const char* JsonScan::in_scalar(const char* p, const char* end) {
  const char* stop = std::find_if(p, end, ends_scalar);
  keep(p, stop);
  if (stop != end) end_value(offset(stop));
  return stop;
}

void JsonScan::keep(const char* begin, const char* end) {
  if (oversized_ || (state_ != State::key && member_ == Member::other)) return;
  const auto size = static_cast<std::size_t>(end - begin);
  if (kept_.size() + size > (state_ == State::key ? kMaxName : kMaxValue)) {
    oversized_ = true;
    return;
  }
  kept_.append(begin, size);
}

void JsonScan::end_key() {
  member_ = Member::other;
  if (!oversized_) {
    if (has_escapes_) kept_ = decode_json_text(kept_);
    if (kept_ == "model" && !std::exchange(seen_model_, true)) member_ = Member::model;
    if (kept_ == "stream" && !std::exchange(seen_stream_, true)) member_ = Member::stream;
  }
  state_ = State::before_value;
}

void JsonScan::end_value(std::uint64_t end_offset) {
  const bool is_text = state_ == State::text;
  const bool is_nested = state_ == State::nested || state_ == State::nested_text;
  if (member_ != Member::other && !oversized_) {
    if (is_text && has_escapes_) kept_ = decode_json_text(kept_);
    if (member_ == Member::stream) {
      streaming_ = is_text     ? is_true_text(kept_)
                   : is_nested ? false
                               : kept_ == "true" || is_nonzero_number(kept_);
    } else if (!kept_.empty() && (is_text || kept_ != "null")) {
      model_ = std::move(kept_);
      model_span_ = {value_offset_, end_offset - value_offset_};
    }
  }
  member_ = Member::other;
  state_ = seen_model_ && seen_stream_ ? State::done : State::before_key;
}

}  // namespace llama_swap::server
