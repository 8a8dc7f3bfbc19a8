#include "config/templates.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "config/command.h"
#include "config/keys.h"
#include "config/macros.h"
#include "config/yaml_scalar.h"

namespace llama_swap::config {
namespace {

constexpr std::string_view kPort = "${PORT}";

bool mentions_port(const Node* value) {
  return value && value->is_string() && value->text.find(kPort) != std::string::npos;
}

// Before macros: comments are gone, so what they mention does not count.
void prepare_model(Entry& model) {
  Node& body = model.value;
  for (const char* key : {"cmd", "cmdStop"})
    if (Node* command = body.find(key); command && command->is_string())
      command->text = without_comments(command->text);
  const Node* proxy = body.find("proxy");
  if (proxy && !proxy->is_null()) return;
  Node text = scalar(std::string(model_section().find("proxy")->initial), model.key.start);
  set(body, "proxy", std::move(text));
}

// Of a model whose proxy has ${PORT} while its cmd has not. What to do about it depends on what the
// user wrote.
void report_no_port(Entry& model, const std::string& path, Report& report) {
  Node& proxy = *model.value.find("proxy");
  const Node* cmd = model.value.find("cmd");
  if (proxy.start != model.key.start) {
    report.error(proxy.start, join_path(path, "proxy"),
                 fmt::format("{} uses ${{PORT}}, which is only available when it is used in cmd: "
                             "use it there, or set proxy to a fixed address",
                             in_quotes(proxy.text)));
  } else if (!cmd || cmd->is_null()) {
    report.error(
        model.key.start, join_path(path, "cmd"),
        "is missing, and so is proxy: the ${PORT} of the default one is only available when "
        "it is used in cmd");
  } else {
    report.error(
        cmd->start, join_path(path, "cmd"),
        fmt::format("cmd does not use ${{PORT}}: use it, or set proxy (in the default one, "
                    "{}, it is only available when it is used in cmd)",
                    in_quotes(proxy.text)));
  }
  proxy.text.clear();  // enough was said about it
}

void apply_to_model(Entry& model, const std::string& path, const Macros& macros,
                    Substitution& substitution) {
  substitution.apply(macros, model.value);
  Node* filters = model.value.find("filters");
  Node* by_id = filters ? filters->find("setParamsByID") : nullptr;
  if (by_id && by_id->kind == Kind::mapping)
    substitution.apply_to_keys(macros, *by_id, join_path(path, "filters.setParamsByID"));
}

std::int64_t first_port(const Node& root) {
  const Key& key = *root_section().find("startPort");
  const Node* given = root.find(key.name);
  // A wrong value is reported when it is read.
  if (given && !given->is_null()) return whole_number(*given).value_or(1);
  return *integer_value(key.initial);
}

// In byte order of the ids, which is also the order of ports.
std::vector<Entry*> models_in_order(Node& root) {
  std::vector<Entry*> out;
  Node* models = root.find("models");
  if (!models || models->kind != Kind::mapping) return out;
  for (Entry& entry : models->entries)
    if (entry.value.kind == Kind::mapping) out.push_back(&entry);
  std::ranges::sort(out, {},
                    [](const Entry* entry) -> const std::string& { return entry->key.text; });
  return out;
}

}  // namespace

Ports apply_templates(Node& root, Report& report) {
  const Macros global = declare_macros(root.find("macros"), "macros", report);
  const std::vector<Entry*> models = models_in_order(root);
  std::vector<Macros> own;
  for (Entry* model : models) {
    own.push_back(declare_macros(model->value.find("macros"),
                                 fmt::format("models.{}.macros", model->key.text), report));
    erase(model->value, "macros");
    prepare_model(*model);
  }
  Ports ports;
  if (report.failed()) return ports;

  erase(root, "macros");
  Substitution substitution(report);
  for (Entry& entry : root.entries)
    if (entry.key.text != "models") substitution.apply(global, entry.value);

  // Unsigned: counting past the largest number is no error, only useless.
  auto port = static_cast<std::uint64_t>(first_port(root));
  for (std::size_t i = 0; i < models.size(); ++i) {
    Entry& model = *models[i];
    const std::string path = join_path("models", model.key.text);
    apply_to_model(model, path, model_macros(model.key.text, global, own[i]), substitution);
    if (mentions_port(model.value.find("cmd"))) {
      Macro number{"PORT", scalar(std::to_string(port), {})};
      ports.emplace(model.key.text, static_cast<std::int64_t>(port++));
      apply_to_model(model, path, {number}, substitution);
    } else if (mentions_port(model.value.find("proxy"))) {
      report_no_port(model, path, report);
    }
  }
  return ports;
}

}  // namespace llama_swap::config
