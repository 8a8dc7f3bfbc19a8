#include "app/check_secrets.h"

#include <re2/re2.h>

#include <algorithm>

#include "util/text.h"

namespace llama_swap::app {
namespace {

using config::Entry;
using config::Node;

constexpr std::string_view kMask = "********";
constexpr std::size_t kLeastKnown = 6;  // shorter ones would hide half of an innocent text

// An entry of apiKeys. Named keys stay different from each other, so that what is shown is still
// valid. A digest is there to be shown.
void hide_key(Node& entry, std::size_t number) {
  if (entry.kind == config::Kind::scalar) entry.text = kMask;
  if (Node* key = entry.find("key")) key->text = std::string(kMask) + std::to_string(number);
}

bool is_secret_variable(std::string_view name) {
  return std::ranges::any_of(std::initializer_list<std::string_view>{"KEY", "TOKEN", "SECRET",
                                                                     "PASS", "AUTH", "CREDENTIAL"},
                             [&](std::string_view word) { return util::icontains(name, word); });
}

// An option up to where its value begins, or would in the next argument.
const RE2& option_alone() {
  static const RE2 pattern(R"((?i)--?(?:[\w-]*(?:key|token|secret|pass|password|auth)|hft))");
  return pattern;
}
// `--api-key VALUE`, `--api-key=VALUE`, `-hft VALUE`, and `HF_TOKEN=VALUE` as in `docker run -e`.
const RE2& option_with_value() {
  static const RE2 pattern(
      R"re((?i)(^|[\s"'])(--?(?:[\w-]*(?:key|token|secret|pass|password|auth)|hft)(?:=|[\s\\]+)|\w*(?:key|token|secret|pass|auth|credential)\w*=(?:bearer\s+|basic\s+)?)("[^"]*"|'[^']*'|[^\s"']+))re");
  return pattern;
}
// `Authorization: Bearer VALUE`, and other header fields that say what they are.
const RE2& header_field() {
  static const RE2 pattern(
      R"re((?i)([\w-]*(?:key|token|secret|auth|authorization|cookie)\s*:\s*(?:(?:bearer|basic|token)\s+)?)([^\s"':/][^\s"']*))re");
  return pattern;
}
const RE2& query_value() {
  static const RE2 pattern(
      R"re((?i)([?&][\w-]*(?:key|token|secret|pass|password|auth|sig|signature)=)[^&\s"'#]+)re");
  return pattern;
}
// As their makers begin them: OpenAI and the like, Hugging Face.
const RE2& known_prefix() {
  static const RE2 pattern(R"((^|[^\w-])(sk-|hf_)[\w-]{6,})");
  return pattern;
}
const RE2& password_in_url() {
  static const RE2 pattern(R"((://[^/@\s:]*:)[^/@\s]+@)");
  return pattern;
}

std::string value_of_variable(const std::string& entry) {
  const auto equals = entry.find('=');
  return equals == std::string::npos || !is_secret_variable(entry.substr(0, equals))
             ? std::string()
             : entry.substr(equals + 1);
}

}  // namespace

Secrets::Secrets(const config::Config& config) {
  known_ = config.api_keys;
  for (const config::NamedKey& key : config.named_keys) known_.push_back(key.text);
  for (const auto& [id, peer] : config.peers) known_.push_back(peer.api_key);
  if (config.tracing)
    for (const auto& [name, value] : config.tracing->headers) known_.push_back(value);
  for (const auto& [id, model] : config.models)
    for (const std::string& entry : model.env) known_.push_back(value_of_variable(entry));
  std::erase_if(known_, [](const std::string& secret) { return secret.size() < kLeastKnown; });
  std::ranges::sort(known_, std::ranges::greater(), &std::string::size);
}

std::string Secrets::in_text(std::string text) const {
  for (const std::string& secret : known_) text = util::replace_all(std::move(text), secret, kMask);
  RE2::GlobalReplace(&text, password_in_url(), R"(\1********@)");
  RE2::GlobalReplace(&text, query_value(), R"(\1********)");
  RE2::GlobalReplace(&text, known_prefix(), R"(\1********)");
  return text;
}

std::string Secrets::in_command(std::string text) const {
  RE2::GlobalReplace(&text, header_field(), R"(\1********)");
  RE2::GlobalReplace(&text, option_with_value(), R"(\1\2********)");
  return in_text(std::move(text));
}

std::vector<std::string> Secrets::in_arguments(std::vector<std::string> arguments) const {
  bool is_value = false;
  for (std::string& argument : arguments) {
    const bool names = !is_value && RE2::FullMatch(argument, option_alone());
    argument = is_value ? std::string(kMask) : in_command(std::move(argument));
    is_value = names;
  }
  return arguments;
}

std::string Secrets::in_env(const std::string& entry) const {
  if (value_of_variable(entry).empty()) return in_text(entry);
  return entry.substr(0, entry.find('=') + 1) + std::string(kMask);
}

void Secrets::hide_texts(Node& node) const {
  if (node.is_string()) node.text = in_text(std::move(node.text));
  for (Node& item : node.items) hide_texts(item);
  for (Entry& entry : node.entries) hide_texts(entry.value);
}

void Secrets::hide_model(Node& model) const {
  if (Node* env = model.find("env"))
    for (Node& entry : env->items) entry.text = in_env(entry.text);
  for (const char* key : {"cmd", "cmdStop"})
    if (Node* command = model.find(key)) command->text = in_command(std::move(command->text));
}

void Secrets::hide(Node& effective) const {
  if (Node* keys = effective.find("apiKeys"))
    for (std::size_t i = 0; i < keys->items.size(); ++i) hide_key(keys->items[i], i);
  if (Node* peers = effective.find("peers"))
    for (Entry& peer : peers->entries)
      if (Node* key = peer.value.find("apiKey")) key->text = kMask;
  if (Node* tracing = effective.find("tracing"))
    if (Node* headers = tracing->find("headers"))
      for (Entry& header : headers->entries) header.value.text = kMask;
  if (Node* models = effective.find("models"))
    for (Entry& model : models->entries) hide_model(model.value);
  hide_texts(effective);
}

}  // namespace llama_swap::app
