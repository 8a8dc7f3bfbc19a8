// Macros: every line but the last declares one ("name=value"), the last is the command that uses
// them. Where the configuration is accepted, the command is what replacing one after the other,
// the last one first, makes of it.
#include <fmt/format.h>

#include "config/command.h"
#include "config/load.h"
#include "fuzz/fuzz.h"
#include "util/text.h"

using namespace llama_swap;
using fuzz::require;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // ASCII only: how YAML quotes and folds the rest is another target's business.
  std::string input(fuzz::as_text(data, size));
  for (char& c : input)
    if (static_cast<unsigned char>(c) > 0x7E) c = '?';
  auto lines = util::split(input, '\n');
  std::string command(lines.back());
  lines.pop_back();

  // In turns of the model and global, so that models extend what is global.
  std::string global = "macros:\n", own = "    macros:\n";
  std::vector<std::pair<std::string, std::string>> declared{{"MODEL_ID", "owl"}};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t sign = std::min(lines[i].find('='), lines[i].size());
    const std::string_view name = lines[i].substr(0, sign);
    const std::string_view value = lines[i].substr(std::min(sign + 1, lines[i].size()));
    const bool is_own = 2 * i >= lines.size();
    (is_own ? own : global) += fmt::format("{}{}: {}\n", is_own ? "      " : "  ",
                                           util::json_quote(name), util::json_quote(value));
    const auto same =
        std::ranges::find(declared, name, [](const auto& macro) { return macro.first; });
    if (same == declared.end()) {
      declared.emplace_back(name, value);
    } else {
      same->second = value;
    }
  }
  const std::string text = fmt::format(
      "{}models:\n  owl:\n    proxy: p\n    env: []\n    cmd: {}\n{}  fox: {{proxy: p}}\n", global,
      util::json_quote(command), own);
  const auto loaded = config::load_text(
      "macros.yaml", text, [](const std::string&) { return std::optional<std::string>(); });
  if (!loaded.config) {
    require(!loaded.text(config::Severity::error).empty(), "errors say why");
    return 0;
  }
  command = config::without_comments(command);
  for (auto macro = declared.rbegin(); macro != declared.rend(); ++macro)
    command = util::replace_all(std::move(command), "${" + macro->first + "}", macro->second);
  const auto port = loaded.config->models.at("owl").port;
  if (port) command = util::replace_all(std::move(command), "${PORT}", std::to_string(*port));
  require(loaded.config->models.at("owl").cmd == command, "replaced one after the other");
  return 0;
}
