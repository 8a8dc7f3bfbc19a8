// Keeps secrets out of what is shown of a configuration. It cannot know all of them: this is for
// screens and bug reports, not for publishing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "config/yaml_tree.h"

namespace llama_swap::app {

// Secret are: API keys of clients and peers; header fields of tracing; values of environment variables with KEY, TOKEN,
// SECRET, PASS, AUTH or CREDENTIAL in their name; in commands, values of options whose name ends
// like that, and of such header fields; passwords and such values in URLs; what begins with sk- or
// hf_. And all these (from six characters on) wherever else they occur.
class Secrets {
 public:
  explicit Secrets(const config::Config& config);

  std::string in_text(std::string text) const;
  std::string in_command(std::string text) const;  // not split, or one argument
  std::vector<std::string> in_arguments(std::vector<std::string> arguments) const;
  std::string in_env(const std::string& entry) const;  // NAME=value
  // In all values of an effective configuration (check_effective.h).
  void hide(config::Node& effective) const;

 private:
  void hide_model(config::Node& model) const;
  void hide_texts(config::Node& node) const;

  std::vector<std::string> known_;  // long ones first
};

}  // namespace llama_swap::app
