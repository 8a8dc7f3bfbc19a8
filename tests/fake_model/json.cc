#include "json.h"

#include <cstdio>

#include "util/text.h"

namespace fake_model {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

// The end of the value that begins at `begin`: behind its last character.
std::size_t value_end(std::string_view text, std::size_t begin) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = begin; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']' || c == ',') && depth == 0) {
      return i;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return text.size();
}

}  // namespace

std::string json(std::string_view text) {
  return llama_swap::util::json_quote(text);
}
std::string json(const char* text) {
  return json(std::string_view(text));
}
std::string json(long long number) {
  return std::to_string(number);
}
std::string json(int number) {
  return std::to_string(number);
}

std::string json(double number) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6f", number);
  return text;
}

std::string json_bytes(std::string_view bytes) {
  std::string utf8;
  utf8.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      utf8 += c;
    } else {
      utf8 += static_cast<char>(0xC0 | (byte >> 6));
      utf8 += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return json(utf8);
}

std::string json_object(const Fields& fields) {
  std::string out = "{";
  for (const auto& [name, value] : fields) {
    if (out.size() > 1) out += ",";
    out += json(name) + ":" + value;
  }
  return out + "}";
}

std::string json_array(const std::vector<std::string>& values) {
  return "[" + llama_swap::util::join(values, ",") + "]";
}

std::string json_texts(const std::vector<std::string>& texts) {
  std::vector<std::string> values;
  values.reserve(texts.size());
  for (const std::string& text : texts) values.push_back(json_bytes(text));
  return json_array(values);
}

std::string_view json_member(std::string_view document, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\"";
  for (std::size_t at = document.find(key); at != document.npos; at = document.find(key, at + 1)) {
    if (at > 0 && document[at - 1] == '\\') continue;
    const std::size_t colon = document.find_first_not_of(kBlank, at + key.size());
    if (colon == document.npos || document[colon] != ':') continue;
    const std::size_t begin = document.find_first_not_of(kBlank, colon + 1);
    if (begin == document.npos) return {};
    std::string_view value = document.substr(begin, value_end(document, begin) - begin);
    value = llama_swap::util::trim(value);
    if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
    return value;
  }
  return {};
}

int json_count(std::string_view value) {
  if (!value.starts_with('[')) return 1;
  std::size_t at = value.find_first_not_of(kBlank, 1);
  if (at == value.npos || value[at] == ']') return 0;
  for (int count = 1;; ++count) {
    at = value_end(value, at);
    if (at >= value.size() || value[at] != ',') return count;
    ++at;
  }
}

}  // namespace fake_model
