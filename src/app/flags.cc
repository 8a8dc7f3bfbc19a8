#include "app/flags.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace llama_swap::app {
namespace {

struct Flag {
  std::string_view name;
  std::string Flags::*text;  // one of the two
  bool Flags::*boolean;
  std::string_view argument;
  std::string_view help;
};

constexpr std::array kFlags{
    Flag{"config", &Flags::config, nullptr, "path", "configuration file"},
    Flag{"config-dir", &Flags::config_dir, nullptr, "path",
         "directory of *.yml and *.yaml files, merged after -config"},
    Flag{"listen", &Flags::listen, nullptr, "host:port",
         "listen address (default \":8080\", with TLS \":8443\"; no host: all interfaces)"},
    Flag{"tls-cert-file", &Flags::tls_cert_file, nullptr, "path", "PEM certificate (chain)"},
    Flag{"tls-key-file", &Flags::tls_key_file, nullptr, "path", "PEM key"},
    Flag{"version", nullptr, &Flags::version, "", "print the version and exit"},
    Flag{"watch-config", nullptr, &Flags::watch_config, "",
         "reload when the configuration changes on disk"},
};

std::optional<bool> parse_bool(std::string_view text) {
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (text == yes) return true;
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"})
    if (text == no) return false;
  return std::nullopt;
}

}  // namespace

std::string Flags::listen_address() const {
  if (!listen.empty()) return listen;
  return tls_cert_file.empty() ? ":8080" : ":8443";
}

util::Result<Flags> parse_flags(const std::vector<std::string>& arguments) {
  Flags flags;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    if (word.size() < 2 || word[0] != '-' || word == "--") return flags;
    const std::string_view given = word;
    word.remove_prefix(word[1] == '-' ? 2 : 1);
    const auto equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string_view::npos) value = word.substr(equals + 1);
    if (name.empty() || name[0] == '-')
      return util::fail(util::Errc::invalid, fmt::format("bad flag syntax: {}", given));
    if (name == "h" || name == "help") {
      flags.help = true;
      return flags;
    }
    const Flag* found = nullptr;
    for (const Flag& flag : kFlags)
      if (flag.name == name) found = &flag;
    if (found == nullptr)
      return util::fail(util::Errc::invalid,
                        fmt::format("flag provided but not defined: -{}", name));
    if (found->boolean != nullptr) {
      const auto parsed = value ? parse_bool(*value) : true;
      if (!parsed)
        return util::fail(
            util::Errc::invalid,
            fmt::format("invalid boolean value \"{}\" for -{}: parse error", *value, name));
      flags.*found->boolean = *parsed;
      continue;
    }
    if (!value) {
      if (i + 1 == arguments.size())
        return util::fail(util::Errc::invalid, fmt::format("flag needs an argument: -{}", name));
      value = arguments[++i];
    }
    flags.*found->text = *value;
  }
  return flags;
}

std::string flag_help() {
  std::string out = "Usage of llama-swap:\n";
  for (const Flag& flag : kFlags) {
    out += fmt::format("  -{}{}{}\n    \t{}\n", flag.name, flag.argument.empty() ? "" : " ",
                       flag.argument, flag.help);
  }
  return out;
}

}  // namespace llama_swap::app
