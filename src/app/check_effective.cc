#include "app/check_effective.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/keys.h"
#include "config/values.h"
#include "config/yaml_scalar.h"
#include "util/text.h"
#include "util/time.h"

namespace llama_swap::app {
namespace {

using config::Entry;
using config::Key;
using config::Kind;
using config::Mark;
using config::Node;
using config::Section;
using config::Tag;
using config::Type;

constexpr Mark kDefault{};

Node scalar(Tag tag, std::string text, Mark at) {
  Node out;
  out.tag = tag;
  out.plain = tag != Tag::string;
  out.text = std::move(text);
  out.start = at;
  return out;
}
Node integer(std::int64_t value, Mark at) {
  return scalar(Tag::integer, std::to_string(value), at);
}
Node boolean(bool value, Mark at) {
  return scalar(Tag::boolean, value ? "true" : "false", at);
}
Node collection(Kind kind, Mark at) {
  Node out;
  out.kind = kind;
  out.start = at;
  return out;
}

// Written, and not as null; else null.
const Node* written(const Node* parent, std::string_view key) {
  const Node* found = parent ? parent->find(key) : nullptr;
  return found && !found->is_null() ? found : nullptr;
}

// The mapping below a key; made where there is none.
Node& section(Node& parent, std::string_view key) {
  if (!written(&parent, key)) config::set(parent, key, collection(Kind::mapping, kDefault));
  return *parent.find(key);
}

std::string size_text(std::uint64_t bytes) {
  static constexpr std::array<std::string_view, 4> kUnits{"KiB", "MiB", "GiB", "TiB"};
  std::string out = std::to_string(bytes);
  for (const std::string_view unit : kUnits) {
    if (bytes == 0 || bytes % 1024 != 0) break;
    bytes /= 1024;
    out = fmt::format("{}{}", bytes, unit);
  }
  return out;
}

std::string string_value(const Key& key, const Node& node) {
  std::string text = config::value_text(node);
  if (!key.choices.empty() && text.empty()) return std::string(key.initial);
  if (key.words.empty()) return text;
  text = util::lower(util::trim(text));
  const auto words = util::split(key.words, ' ');
  return std::ranges::find(words, text) != words.end() ? text : std::string(key.initial);
}

// In the one spelling. The value fits its key: the configuration is valid.
Node canonical(const Key& key, const Node& node) {
  switch (key.type) {
    case Type::integer:
      return integer(config::whole_number(node).value_or(0), node.start);
    case Type::boolean:
      return boolean(config::boolean_value(node).value_or(false), node.start);
    case Type::size:
      return scalar(Tag::string,
                    size_text(config::parse_size(config::value_text(node)).value_or(0)),
                    node.start);
    case Type::duration:
    case Type::wait:
      return scalar(
          Tag::string,
          util::duration_text(config::parse_duration(node.text).value_or(util::seconds(0))),
          node.start);
    default:
      return scalar(Tag::string, string_value(key, node), node.start);
  }
}

std::optional<Node> default_of(const Key& key) {
  if (key.initial.empty()) return std::nullopt;
  if (key.type != Type::strings) {
    Node initial = config::scalar(std::string(key.initial), kDefault);
    return canonical(key, initial);
  }
  const auto parsed = config::parse_yaml(key.initial, -1);  // our own table: it can be parsed
  Node out = collection(Kind::sequence, kDefault);
  for (const Node& item : parsed->root.items)
    out.items.push_back(scalar(Tag::string, item.text, kDefault));
  return out;
}

Node strings(const Node& node) {
  Node out = collection(Kind::sequence, node.start);
  for (const Node& item : node.items)
    if (!item.is_null())
      out.items.push_back(scalar(Tag::string, config::value_text(item), item.start));
  return out;
}

// A mapping of strings or integers.
Node scalars(Type type, const Node& node) {
  Node out = collection(Kind::mapping, node.start);
  for (const Entry& entry : node.entries) {
    out.entries.push_back(
        {entry.key,
         type == Type::string_map
             ? scalar(Tag::string, config::value_text(entry.value), entry.value.start)
             : integer(config::whole_number(entry.value).value_or(0), entry.value.start)});
  }
  return out;
}

Node whole_section(const Section& section, const Node* node);

Node sections(const Key& key, const Node& node) {
  Node out = collection(Kind::mapping, node.start);
  for (const Entry& entry : node.entries)
    out.entries.push_back({entry.key, entry.value.is_null()
                                          ? entry.value
                                          : whole_section(*key.inside, &entry.value)});
  return out;
}

Node records(const Key& key, const Node& node) {
  Node out = collection(Kind::sequence, node.start);
  for (const Node& item : node.items) {
    if (item.is_null()) continue;
    out.items.push_back(item.kind == Kind::mapping
                            ? whole_section(*key.inside, &item)
                            : scalar(Tag::string, config::value_text(item), item.start));
  }
  return out;
}

bool is_empty(const Node& node) {
  return node.items.empty() && node.entries.empty() && node.text.empty() && !node.is_null();
}

// Nothing: it has no value, or the empty one that it has by default.
std::optional<Node> value_of(const Key& key, const Node* parent) {
  const Node* given = parent ? parent->find(key.name) : nullptr;
  if (key.type == Type::macros) return std::nullopt;
  if (key.type == Type::section) {
    Node out = whole_section(*key.inside, written(parent, key.name));
    return out.entries.empty() ? std::nullopt : std::optional(std::move(out));
  }
  // A null list is an empty one.
  if (!given || (given->is_null() && key.type != Type::strings)) return default_of(key);
  std::optional<Node> out;
  switch (key.type) {
    case Type::strings:
      out = strings(*given);
      break;
    case Type::records:
      out = records(key, *given);
      break;
    case Type::value_map:
    case Type::value_maps:
      return *given;
    case Type::string_map:
    case Type::integer_map:
      out = scalars(key.type, *given);
      break;
    case Type::sections:
      out = sections(key, *given);
      break;
    default:
      out = canonical(key, *given);
  }
  return key.initial.empty() && is_empty(*out) ? std::nullopt : out;
}

Node whole_section(const Section& section, const Node* node) {
  Node out = collection(Kind::mapping, node ? node->start : kDefault);
  for (const Key& key : section.keys)
    if (auto value = value_of(key, node)) config::set(out, key.name, std::move(*value));
  return out;
}

// The old spelling of the router becomes the new one (7.2), and what the router in use does not
// read goes.
void settle_router(Node& root, const config::Config& config) {
  Node& router = section(section(root, "routing"), "router");
  Node& settings = section(router, "settings");
  const std::string_view used = config.matrix ? "matrix" : "groups";
  const std::string_view other = config.matrix ? "groups" : "matrix";
  const Node* use = written(&router, "use");
  Mark chosen_at = use ? use->start : kDefault;
  if (const Node* old = written(&root, used); old && !is_empty(*old)) {
    chosen_at = old->start;
    Node moved = *old;
    config::set(settings, used, std::move(moved));
  }
  // From the inside out: what is added to a mapping or taken from it moves what is in there.
  config::erase(settings, other);
  config::set(router, "use", scalar(Tag::string, config.matrix ? "matrix" : "group", chosen_at));
  config::erase(root, "groups");
  config::erase(root, "matrix");
}

// What is not for each model alone to say.
void settle_model(Node& body, Mark name_at, const config::Model& model, const Node& root) {
  const auto place = [](const Node* parent, std::string_view key) {
    const Node* found = written(parent, key);
    return found ? found->start : kDefault;
  };
  const auto inherited = [&](std::string_view key, std::string_view global, std::int64_t unset) {
    const Node* own = written(&body, key);
    const bool set = own && config::whole_number(*own) != unset;
    return set ? own->start : place(&root, global);
  };
  config::set(body, "ttl", integer(model.ttl.count(), inherited("ttl", "globalTTL", -1)));
  config::set(
      body, "unloadTimeout",
      integer(model.unload_timeout.count(), inherited("unloadTimeout", "unloadTimeout", 0)));
  config::set(body, "healthCheckTimeout",
              integer(model.health_check_timeout.count(), place(&root, "healthCheckTimeout")));
  const Node& teller = written(&body, "sendLoadingState") ? body : root;
  config::set(body, "sendLoadingState",
              boolean(model.send_loading_state, place(&teller, "sendLoadingState")));
  config::set(body, "concurrencyLimit",
              integer(model.concurrency_limit, place(&body, "concurrencyLimit")));
  config::set(body, "checkEndpoint",
              scalar(Tag::string, model.check_endpoint, place(&body, "checkEndpoint")));
  Node& compat = section(body, "compat");
  config::set(compat, "ignoreWebsockets",
              boolean(model.ignore_websockets, place(&compat, "ignoreWebsockets")));
  // The loader has put the default proxy where the model's name is.
  if (Node* proxy = body.find("proxy"); proxy->start == name_at) proxy->start = kDefault;
}

}  // namespace

Node effective(const config::LoadResult& loaded) {
  Node root = *loaded.tree;
  settle_router(root, *loaded.config);
  if (Node* models = root.find("models"))
    for (Entry& entry : models->entries)
      if (!entry.value.is_null())
        settle_model(entry.value, entry.key.start, loaded.config->models.at(entry.key.text), root);
  return whole_section(config::root_section(), &root);
}

}  // namespace llama_swap::app
