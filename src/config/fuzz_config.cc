// Fuzz target: any bytes as a configuration and as a command. They may be refused, but must not
// crash, hang or fill the memory, and every problem must have a text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/command.h"
#include "config/diff.h"
#include "config/load.h"

namespace {

std::optional<std::string> fuzz_env(const std::string& name) {
  if (name == "UNSET") return std::nullopt;
  return name == "NESTED" ? "${env.OTHER}" : "a \"value\": \\";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  // A NUL separates two files that are to be merged.
  std::vector<llama_swap::config::Source> sources;
  const std::size_t cut = text.find('\0');
  sources.push_back({"first.yaml", text.substr(0, cut)});
  if (cut != std::string::npos) sources.push_back({"second.yaml", text.substr(cut + 1)});
  const auto result = llama_swap::config::load_texts(sources, fuzz_env);

  bool has_error = false;
  for (const auto& problem : result.problems) {
    if (problem.text().empty()) std::abort();
    has_error |= problem.severity == llama_swap::config::Severity::error;
  }
  if (has_error == (result.config != nullptr)) std::abort();
  if (result.config) llama_swap::config::diff(*result.config, *result.config);
  llama_swap::config::stop_command(text, 4711);
  return 0;
}
