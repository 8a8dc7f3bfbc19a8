// Every key a configuration file may have: one table, from which values are read (reader.h),
// unknown keys are noticed, and a JSON schema and the reference can be generated.
#pragma once

#include <span>
#include <string_view>

namespace llama_swap::config {

enum class Type {
  integer,
  boolean,
  string,
  duration,     // "1m30s"
  wait,         // a duration, or the integer 0
  size,         // bytes: an integer, or text like "64MiB"
  strings,      // list of strings
  value_map,    // mapping with values of any kind
  value_maps,   // mapping of such mappings
  string_map,   // mapping of strings
  integer_map,  // mapping of integers
  section,      // mapping with the keys of `inside`
  sections,     // mapping of any names to such sections
};

struct Section;
struct Key {
  std::string_view name;
  Type type = Type::string;
  std::string_view initial;  // the default, as it would be written in YAML; empty: empty, or none
  std::string_view doc;
  std::string_view choices = {};    // of a string: the only values it may have, separated by spaces
  const Section* inside = nullptr;  // of a section, or of sections
};
struct Section {
  std::span<const Key> keys;
  const Key* find(std::string_view name) const;  // null: there is no such key
};

const Section& root_section();
const Section& model_section();  // models.<id>

}  // namespace llama_swap::config
