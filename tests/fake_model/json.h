// JSON text, put together piece by piece. A value is a std::string that already is JSON.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fake_model {

using Fields = std::vector<std::pair<std::string_view, std::string>>;  // name and JSON value

std::string json(std::string_view text);
std::string json(const char* text);
std::string json(long long number);
std::string json(int number);
std::string json(double number);
// Bytes as a string of as many characters, each byte a code point (Latin-1).
std::string json_bytes(std::string_view bytes);
std::string json_object(const Fields& fields);
std::string json_array(const std::vector<std::string>& values);
std::string json_texts(const std::vector<std::string>& texts);

// Reading, just enough for requests of well-behaved clients: the text of the first member of that
// name anywhere in the document, or "". Strings come without quotes and with their escapes as they
// are.
std::string_view json_member(std::string_view document, std::string_view name);
// The number of elements of an array, 1 for anything else.
int json_count(std::string_view value);

}  // namespace fake_model
