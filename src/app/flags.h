// The command line (runtime 1): one or two dashes, "-name value" or "-name=value", booleans only
// "-name" or "-name=true". The last occurrence wins; parsing stops at the first word that is no
// flag, or at "--".
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "util/result.h"

namespace llama_swap::app {

struct Flags {
  std::string config, config_dir, listen, tls_cert_file, tls_key_file;
  bool watch_config = false;
  bool version = false;
  bool help = false;

  // `listen`, or the default: ":8080", with TLS ":8443".
  std::string listen_address() const;
};

// Without the program's name. Errors (exit code 2): "flag provided but not defined: -x", "flag
// needs an argument: -x", "invalid boolean value ... for -x: parse error".
util::Result<Flags> parse_flags(const std::vector<std::string>& arguments);

// The list of flags that -h prints.
std::string flag_help();

// What -config and -config-dir name; an empty text: not given.
config::Sources sources_of(const std::string& config, const std::string& config_dir);

// For a command with flags of its own. Exactly one of `text` and `on` says where the value goes.
struct Flag {
  std::string_view name;
  std::string* text;
  bool* on;
  std::string_view argument;  // what the list calls it; empty: it has none
  std::string_view help;
};
struct FlagsRead {
  std::size_t words = 0;  // the rest of the arguments begins there
  bool help = false;      // -h or -help was among them; what follows was not looked at
};
// Errors as above.
util::Result<FlagsRead> read_flags(const std::vector<std::string>& arguments,
                                   std::span<const Flag> known);
std::string flag_list(std::span<const Flag> flags);

}  // namespace llama_swap::app
