// Every key a configuration file may have: one table, by which values are read and checked
// (reader.h) and unknown keys are noticed, from which the JSON schema is made (schema.h), and which
// the reference, docs/configuration.md, is held against (documents_test.cc).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace llama_swap::config {

enum class Type {
  integer,
  boolean,
  string,
  duration,     // "1m30s"
  wait,         // a duration that is not negative, or the integer 0
  size,         // bytes: an integer, or text like "64MiB"
  strings,      // list of strings
  records,      // list of sections; an item may be a string, too
  value_map,    // mapping with values of any kind
  value_maps,   // mapping of such mappings
  string_map,   // mapping of strings
  integer_map,  // mapping of integers
  section,      // mapping with the keys of `inside`
  sections,     // mapping of any names to such sections
  macros,       // declarations of macros (macros.h): never read as values
};

struct Section;
struct Key {
  std::string_view name;
  Type type = Type::string;
  std::string_view initial;  // the default, as it would be written in YAML; empty: empty, or none
  std::string_view doc;
  std::string_view choices = {};    // of a string: the only values it may have, separated by spaces
  const Section* inside = nullptr;  // of a section, of sections, or of records
  // Of a string: the texts that mean something, in upper or lower case; any other is the default.
  std::string_view words = {};
  // Of an integer, a size, and the values of an integer_map: what is less is refused.
  std::optional<std::int64_t> least = {};
  bool unused = false;  // read and checked with all that is inside, but nothing acts on it yet
};
struct Section {
  std::span<const Key> keys;
  const Key* find(std::string_view name) const;  // null: there is no such key
};

const Section& root_section();
const Section& model_section();  // models.<id>

}  // namespace llama_swap::config
