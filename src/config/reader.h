// Typed reading of one section of the tree, by the table of keys: types (5.0) and defaults come
// from there. What does not fit is reported with its place, and the default is returned.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/keys.h"
#include "config/report.h"
#include "config/yaml_scalar.h"
#include "config/yaml_tree.h"

namespace llama_swap::config {

// A value together with where it was written, and under which name if it has one.
template <class T>
struct Placed {
  T value{};
  Mark at;
  std::string name;
  Mark name_at;
};

// Refers to tree and report, which must outlive it. All key names must be in the section's table.
class Reader {
 public:
  // `node`: null or a mapping. `at` is where to point for what is missing.
  Reader(const Node* node, const Section& section, std::string path, Mark at, Report& report)
      : node_(node), section_(&section), path_(std::move(path)), at_(at), report_(&report) {}

  std::int64_t integer(std::string_view key) const;  // reported if it is below the least
  bool boolean(std::string_view key) const;
  std::string string(std::string_view key) const;
  std::string choice(std::string_view key)
      const;  // a string; reported if it is not one of the choices of the table
  std::string word(std::string_view key) const;  // one of the words of the table, in lower case
  std::optional<std::chrono::nanoseconds> duration(
      std::string_view key) const;  // nothing: neither value nor default
  // Reports a value that is not text by itself (a number, say).
  void require_string(std::string_view key) const;
  std::uint64_t size(std::string_view key) const;
  // Null items are dropped. A null list is an empty one, not the default. Choices hold for every
  // item.
  std::vector<std::string> strings(std::string_view key) const;
  std::vector<Placed<std::string>> placed_strings(std::string_view key) const;
  std::vector<Placed<std::string>> string_map(std::string_view key) const;  // null: ""
  std::vector<Placed<std::int64_t>> integer_map(std::string_view key) const;
  Json object(std::string_view key) const;  // a mapping with values of any kind
  // Values of any kind, as JSON text (yaml_scalar.h).
  std::vector<Placed<std::string>> value_map(std::string_view key) const;
  std::vector<Placed<std::vector<Placed<std::string>>>> value_maps(std::string_view key) const;

  // A sub-section; one that is absent or null has all its defaults.
  Reader section(std::string_view key) const;
  // The named entries below a key. One with a null body has zero values in place of defaults (and
  // is warned about). `hint` is added to the message about an entry that is no mapping.
  std::vector<Placed<Reader>> sections(std::string_view key, std::string_view hint = {}) const;

  // The items of a list of records: what is no mapping is taken for a string. Null items are
  // dropped.
  std::vector<std::variant<Placed<std::string>, Reader>> records(std::string_view key) const;

  // The same section with nothing written in it.
  Reader defaults() const { return Reader(nullptr, *section_, path_, at_, *report_); }
  // Written, and not as null.
  bool has(std::string_view key) const { return value(key) != nullptr; }
  // Written, and neither as null nor as an empty mapping or list. A value of another kind counts:
  // whoever reads it then reports it.
  bool has_entries(std::string_view key) const;
  bool has_body() const { return !zero_; }
  const std::string& path() const { return path_; }
  Mark at() const { return at_; }
  // Where the value of a key stands; where the section stands, if it has none.
  Mark at(std::string_view key) const;
  // A path that is written in the configuration: relative ones are meant from the folder of the
  // file they stand in.
  std::filesystem::path file_path(std::string_view key) const;
  // Where the character (counted from 0) of a string in a string_map stands. The start of the
  // string where that cannot be told: it is folded, has escapes, or a macro was filled in.
  Mark at_character(std::string_view key, std::string_view name, int character) const;

  void error(std::string_view key, std::string message) const;
  void error_at(Mark at, std::string_view key, std::string message) const;
  void warn_at(Mark at, std::string_view key, std::string message) const;

 private:
  const Key& key(std::string_view name) const;
  const Node* value(std::string_view key) const;
  // The scalar to read: the value, the default (kept in `initial`), or null for zero.
  const Node* scalar_or_default(std::string_view key, Node& initial) const;
  // The value if it is of that kind; null if there is none, or a wrong one (reported).
  const Node* collection(std::string_view key, Kind kind) const;
  std::vector<Placed<std::string>> json_entries(const std::string& key, const Node& mapping) const;
  bool chosen(const Key& key, const std::string& text, Mark at) const;
  void check_least(const Key& key, std::int64_t value, const std::string& path, Mark at) const;
  void expected(std::string_view key, std::string_view what, const Node& got) const;

  const Node* node_;
  const Section* section_;
  std::string path_;
  Mark at_;
  Report* report_;
  bool zero_ = false;
};

// Reports keys that the tables do not know, with the nearest one they know. Keys that begin with
// "x-" are nobody's business, nor are the top-level keys named in `silent`.
void warn_unknown_keys(const Node& root, const std::vector<std::string>& silent, Report& report);

}  // namespace llama_swap::config
