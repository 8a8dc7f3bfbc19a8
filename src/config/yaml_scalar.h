// What the text of a YAML scalar means (5.0): the core schema of YAML 1.2 with the additions the
// original has.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "config/config.h"
#include "config/yaml_tree.h"

namespace llama_swap::config {

// The tag of a scalar. `explicit_tag` is the full tag ("tag:yaml.org,2002:int"), or empty. Nothing:
// the explicit tag does not fit the text. Tags that are not YAML's own mean a string.
std::optional<Tag> resolve(std::string_view text, bool plain, std::string_view explicit_tag);

// Of an integer: decimal, 0x, 0o, 0b or leading-0 octal, with _ anywhere. Nothing: not an integer,
// or beyond the type.
std::optional<std::int64_t> integer_value(std::string_view text);
std::optional<std::uint64_t> unsigned_value(std::string_view text);
// Of a float, .inf and .nan included.
std::optional<double> floating_value(std::string_view text);
// Of an integer or a float (its whole part, as in the original). Nothing: `node` is neither, or
// beyond the type.
std::optional<std::int64_t> whole_number(const Node& node);
// As yes/no/on/off too, quoted or not. Nothing: not a boolean.
std::optional<bool> boolean_value(const Node& node);

// The value as text: strings as they are, 0x1F -> 31, 1000000.0 -> 1e+06 (3.3), a date as RFC 3339,
// null as "". `node` must be a scalar.
std::string value_text(const Node& node);
// The shortest text that reads back as the same number; with an exponent below 1e-4 and from 1e6 on
// (3.3).
std::string float_text(double value);
// Any value as JSON; keys become their text.
Json json_value(const Node& node);
// The same as compact JSON text. A number keeps its spelling if JSON has it (0.10, 1e3, more digits
// than any type), else it is written anew (0x10, .5). Errors: infinity and NaN, which JSON has not.
tl::expected<std::string, Fault> json_text(const Node& node);

// For messages about a wrong type: "a string", "an integer", "a mapping".
std::string_view type_name(const Node& node);
// The same with the value of a scalar: "the string \"90\"".
std::string describe(const Node& node);

}  // namespace llama_swap::config
