// Where in a JSON document a parameter stands, as the keys of filters say it (http-api 8.1):
//
//   chat_template_kwargs.enable_thinking     '.' separates levels
//   a\.b                                     '\' takes away what the next character means
//   stop.0, tools.-1                         an element of an array, the end of an array
//   logit_bias.:50256                        a leading ':' makes a name of anything
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace llama_swap::util {

struct JsonStep {
  std::string name;                  // where it leads into an object
  std::optional<std::size_t> index;  // where it leads into an array: the element, from 0
  bool at_end = false;               // the same for "-1": the last one, or the one to be added

  bool means_element() const { return index || at_end; }
  bool operator==(const JsonStep&) const = default;
};
using JsonPath = std::vector<JsonStep>;

// An array may have to be filled up to an element: a larger number is only a name.
inline constexpr std::size_t kMaxJsonIndex = 65'535;

// Errors: invalid. The key is empty, or has one of | # @ * ? without a '\': those would ask for
// whatever matches, which is not done.
Result<JsonPath> parse_json_path(std::string_view key);

}  // namespace llama_swap::util
