#include "server/json_text.h"

#include <algorithm>

namespace llama_swap::server {
namespace {

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

}  // namespace llama_swap::server
