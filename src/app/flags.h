// The command line (runtime 1): one or two dashes, "-name value" or "-name=value", booleans only
// "-name" or
// "-name=true". The last occurrence wins; parsing stops at the first word that is no flag, or at
// "--".
#pragma once

#include <optional>
#include <string>
#include <vector>

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

}  // namespace llama_swap::app
