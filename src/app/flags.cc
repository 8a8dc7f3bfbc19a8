#include "app/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace llama_swap::app {
namespace {

auto daemon_flags(Flags& flags) {
  return std::array{
      Flag{"config", &flags.config, nullptr, "path", "configuration file"},
      Flag{"config-dir", &flags.config_dir, nullptr, "path",
           "directory of *.yml and *.yaml files, merged after -config"},
      Flag{"listen", &flags.listen, nullptr, "host:port",
           "listen address (default \":8080\", with TLS \":8443\"; no host: all interfaces)"},
      Flag{"tls-cert-file", &flags.tls_cert_file, nullptr, "path", "PEM certificate (chain)"},
      Flag{"tls-key-file", &flags.tls_key_file, nullptr, "path", "PEM key"},
      Flag{"version", nullptr, &flags.version, "", "print the version and exit"},
      Flag{"watch-config", nullptr, &flags.watch_config, "",
           "reload when the configuration changes on disk"},
  };
}

std::optional<bool> parse_bool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return true;
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return false;
  return std::nullopt;
}

tl::unexpected<util::Error> invalid(std::string message) {
  return util::fail(util::Errc::invalid, std::move(message));
}

}  // namespace

std::string Flags::listen_address() const {
  if (!listen.empty()) return listen;
  return tls_cert_file.empty() ? ":8080" : ":8443";
}

util::Result<FlagsRead> read_flags(const std::vector<std::string>& arguments,
                                   std::span<const Flag> known) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    if (word == "--") return FlagsRead{i + 1, false};
    if (word.size() < 2 || word[0] != '-') return FlagsRead{i, false};
    const std::string_view given = word;
    word.remove_prefix(word[1] == '-' ? 2 : 1);
    const auto equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string_view::npos) value = word.substr(equals + 1);
    if (name.empty() || name[0] == '-') return invalid(fmt::format("bad flag syntax: {}", given));
    if (name == "h" || name == "help") return FlagsRead{i + 1, true};
    const auto flag = std::ranges::find(known, name, &Flag::name);
    if (flag == known.end())
      return invalid(fmt::format("flag provided but not defined: -{}", name));
    if (flag->on != nullptr) {
      const auto parsed = value ? parse_bool(*value) : true;
      if (!parsed)
        return invalid(
            fmt::format("invalid boolean value \"{}\" for -{}: parse error", *value, name));
      *flag->on = *parsed;
      continue;
    }
    if (!value) {
      if (i + 1 == arguments.size())
        return invalid(fmt::format("flag needs an argument: -{}", name));
      value = arguments[++i];
    }
    *flag->text = *value;
  }
  return FlagsRead{arguments.size(), false};
}

util::Result<Flags> parse_flags(const std::vector<std::string>& arguments) {
  Flags flags;
  const auto read = read_flags(arguments, daemon_flags(flags));
  if (!read) return tl::unexpected(read.error());
  flags.help = read->help;
  return flags;
}

std::string flag_list(std::span<const Flag> flags) {
  std::string out;
  for (const Flag& flag : flags) {
    out += fmt::format("  -{}{}{}\n    \t{}\n", flag.name, flag.argument.empty() ? "" : " ",
                       flag.argument, flag.help);
  }
  return out;
}

std::string flag_help() {
  Flags flags;
  return "Usage of llama-swap:\n" + flag_list(daemon_flags(flags)) +
         "\n\"llama-swap check -h\" has the flags for looking at a configuration without serving "
         "it.\n";
}

config::Sources sources_of(const std::string& config, const std::string& config_dir) {
  config::Sources sources;
  if (!config.empty()) sources.file = config;
  if (!config_dir.empty()) sources.dir = config_dir;
  return sources;
}

}  // namespace llama_swap::app
