// The JSON schema of a configuration file (draft 2020-12), for editors: completion, descriptions,
// and red lines under slips of the pen. docs/config-schema.json is a copy.
//
// It is made from the table of keys that the loader reads by (keys.h), and describes one file, not
// all files together. So it knows types, choices and least values, but not what concerns several
// keys. The loader has the last word; where the two differ, the schema is the stricter one:
//   * a number must be whole, and the words of logLevel and logTimeFormat must be known ones in
//     lower case; the loader cuts off fractions, and takes unknown words for the default;
//   * only the spellings of YAML 1.2 are null, true and numbers.
// Whatever holds a scalar may hold a text with "${" instead: macros have types. Keys nobody knows
// are allowed.
#pragma once

#include <nlohmann/json.hpp>

namespace llama_swap::config {

nlohmann::ordered_json schema();

}  // namespace llama_swap::config
