#include "config/schema.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "config/keys.h"
#include "config/yaml_scalar.h"
#include "util/text.h"

namespace llama_swap::config {
namespace {

Json reference(std::string_view name) {
  return {{"$ref", fmt::format("#/$defs/{}", name)}};
}

Json any_of(std::vector<Json> alternatives) {
  return {{"anyOf", std::move(alternatives)}};
}

Json pattern(std::string_view expression) {
  return {{"type", "string"}, {"pattern", expression}};
}

// A null keeps the default.
Json or_null(std::string_view type) {
  return Json::array({type, "null"});
}

Json map_of(Json value) {
  return {{"type", or_null("object")}, {"additionalProperties", std::move(value)}};
}

Json list_of(Json item) {
  return {{"type", or_null("array")}, {"items", std::move(item)}};
}

// One of some texts, spelled like that.
Json choice(std::string_view words, const Key& key) {
  Json values = Json::array();
  for (const std::string_view word : util::split(words, ' ')) values.push_back(word);
  if (key.initial.empty()) values.push_back("");
  values.push_back(nullptr);
  return any_of({Json{{"enum", std::move(values)}}, reference("macro")});
}

// What the types refer to by name.
Json definitions() {
  const Json booleans = {"y", "Y",  "yes", "Yes", "YES", "on",  "On",  "ON",   "n",
                         "N", "no", "No",  "NO",  "off", "Off", "OFF", nullptr};
  Json out;
  out["macro"] = pattern(R"(\$\{)");
  out["macro"]["description"] = "A text with a macro in it, which may stand for any scalar.";
  out["integer"] = any_of({Json{{"type", or_null("integer")}}, reference("macro")});
  out["boolean"] =
      any_of({Json{{"type", "boolean"}}, Json{{"enum", booleans}}, reference("macro")});
  out["string"] = {{"type", {"string", "number", "boolean", "null"}}};
  out["duration"] =
      any_of({pattern("^\\+?(0|(([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$"),
              Json{{"type", "null"}}, reference("macro")});
  out["wait"] = any_of({Json{{"const", 0}}, reference("duration")});
  out["size"] =
      any_of({Json{{"type", or_null("integer")}},
              pattern(R"(^\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*(([kKmMgGtT][iI]?)?[bB])?\s*$)"),
              reference("macro")});
  return out;
}

// A macro is a scalar with a name that is not taken (macros.cc).
Json macros() {
  Json out = map_of({{"type", {"string", "number", "boolean"}}});
  out["propertyNames"] = {{"pattern", "^[a-zA-Z0-9_-]{1,63}$"},
                          {"not", {{"enum", {"PID", "PORT", "MODEL_ID"}}}}};
  return out;
}

Json of_section(const Section& section);

Json of_type(const Key& key) {
  switch (key.type) {
    case Type::integer:
      return reference("integer");
    case Type::boolean:
      return reference("boolean");
    case Type::string:
      if (!key.choices.empty()) return choice(key.choices, key);
      return key.words.empty() ? reference("string") : choice(key.words, key);
    case Type::duration:
      return reference("duration");
    case Type::wait:
      return reference("wait");
    case Type::size:
      return reference("size");
    case Type::strings:
      return list_of(key.choices.empty() ? reference("string") : choice(key.choices, key));
    case Type::records:
      return list_of(any_of({reference("string"), of_section(*key.inside)}));
    case Type::value_map:
      return {{"type", or_null("object")}};
    case Type::value_maps:
      return map_of({{"type", or_null("object")}});
    case Type::string_map:
      return map_of(reference("string"));
    case Type::integer_map:
      return map_of(reference("integer"));
    case Type::section:
      return of_section(*key.inside);
    case Type::sections:
      return map_of(of_section(*key.inside));
    case Type::macros:
      return macros();
  }
  return {};
}

// The default in its own type. Null: there is none.
Json initial_value(const Key& key) {
  if (key.initial.empty()) return {};
  if (key.type == Type::string || key.type == Type::duration || key.type == Type::size)
    return key.initial;
  const auto parsed = parse_yaml(key.initial, -1);  // our own table: it can be parsed
  return json_value(parsed->root);
}

Json of_key(const Key& key) {
  Json out;
  out["description"] =
      key.unused ? fmt::format("{} Read, not used yet.", key.doc) : std::string(key.doc);
  if (Json initial = initial_value(key); !initial.is_null()) out["default"] = std::move(initial);
  out.update(of_type(key));
  if (key.least)
    (key.type == Type::integer_map ? out["additionalProperties"] : out)["minimum"] = *key.least;
  return out;
}

Json of_section(const Section& section) {
  Json properties = Json::object();
  for (const Key& key : section.keys) properties[std::string(key.name)] = of_key(key);
  return {{"type", or_null("object")}, {"properties", std::move(properties)}};
}

}  // namespace

nlohmann::ordered_json schema() {
  Json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
              {"title", "Configuration of llama-swap"}};
  out.update(of_section(root_section()));
  out["$defs"] = definitions();
  return out;
}

}  // namespace llama_swap::config
