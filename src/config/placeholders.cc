// What must not be left after all substitutions (3.5).
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "config/env.h"
#include "config/keys.h"
#include "config/templates.h"

namespace llama_swap::config {
namespace {

// The name in the first ${NAME} at or after `from`; empty: none. `from` moves behind it.
std::string_view next_placeholder(std::string_view text, std::size_t& from) {
  static constexpr std::string_view kNameChars =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  while ((from = text.find("${", from)) != text.npos) {
    from += 2;
    const std::size_t end = text.find_first_not_of(kNameChars, from);
    if (end == text.npos) break;
    if (end > from && text[end] == '}') return text.substr(from, end - from);
  }
  from = text.size();
  return {};
}

std::string complaint(std::string_view name) {
  if (name == "PORT")
    return "${PORT} could not be substituted: it is only available in a model whose cmd uses it";
  if (name == "MODEL_ID")
    return "${MODEL_ID} could not be substituted: it is only available in models";
  if (name == "PID")
    return "${PID} could not be substituted: it is only available in cmdStop of a model";
  return fmt::format("unknown macro ${{{}}}", name);
}

// The way to a value; put together only where something is wrong with it.
struct Path {
  const Path* parent = nullptr;
  std::string_view key;
  std::string text() const { return join_path(parent ? parent->text() : "", key); }
};

class Checker {
 public:
  explicit Checker(Report& report) : report_(report) {}

  void check(const Node& node, const Path& path, bool pid_allowed) {
    if (node.is_string()) check_text(node.text, node.start, path, pid_allowed);
    // An item goes by the name of its list.
    for (const Node& item : node.items) check(item, path, pid_allowed);
    for (const Entry& entry : node.entries)
      check(entry.value, {&path, entry.key.text}, pid_allowed);
  }

  void check_model(const Node& model, const Path& path) {
    for (const Entry& entry : model.entries)
      check(entry.value, {&path, entry.key.text}, entry.key.text == "cmdStop");
    const Node* filters = model.find("filters");
    const Node* by_id = filters ? filters->find("setParamsByID") : nullptr;
    if (!by_id) return;
    for (const Entry& entry : by_id->entries)
      check_text(entry.key.text, entry.key.start, {&path, "filters.setParamsByID"}, false);
  }

 private:
  void check_text(std::string_view text, Mark at, const Path& path, bool pid_allowed) {
    std::size_t from = text.find("${");
    if (from == text.npos) return;
    for (std::string_view name = next_placeholder(text, from); !name.empty();
         name = next_placeholder(text, from)) {
      if (pid_allowed && name == "PID") continue;
      report_.error(at, path.text(), complaint(name));
      return;
    }
    if (const EnvReference ref = find_env_reference(text, 0); ref.begin != text.npos)
      report_.error(
          at, path.text(),
          fmt::format("environment variable reference ${{env.{}}} could not be substituted",
                      ref.name));
  }

  Report& report_;
};

}  // namespace

void check_placeholders(const Node& root, Report& report) {
  Checker checker(report);
  for (const Entry& section : root.entries) {
    if (!root_section().find(section.key.text)) continue;  // may hold parts meant for models
    if (section.key.text != "models") {
      checker.check(section.value, {nullptr, section.key.text}, false);
      continue;
    }
    const Path models{nullptr, section.key.text};
    for (const Entry& model : section.value.entries)
      checker.check_model(model.value, {&models, model.key.text});
  }
}

}  // namespace llama_swap::config
