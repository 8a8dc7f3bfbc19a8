#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <vector>

#include "app/check.h"
#include "app/daemon.h"
#include "app/early_message.h"
#include "app/flags.h"
#include "app/version.h"
#include "config/load.h"

namespace {

using namespace llama_swap;

int serve(const app::Flags& flags) {
  if (flags.config.empty() && flags.config_dir.empty()) {
    app::early_error("at least one of -config or -config-dir must be provided");
    return 1;
  }
  if (flags.tls_cert_file.empty() != flags.tls_key_file.empty()) {
    app::early_error("both -tls-cert-file and -tls-key-file must be provided for TLS");
    return 1;
  }
  const config::Sources sources = app::sources_of(flags.config, flags.config_dir);
  config::LoadResult loaded = config::load(sources, config::process_environment());
  if (!loaded.config) {
    std::string problems = loaded.text(config::Severity::error);
    // Of a key that is not known, say: it may be the cause of an error.
    if (const std::string warnings = loaded.text(config::Severity::warning); !warnings.empty())
      problems += '\n' + warnings;
    app::early_error("failed to load config", problems);
    return 1;
  }
  app::Daemon daemon(flags, sources, std::move(loaded));
  return daemon.run();
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments.front() == "check") {
    arguments.erase(arguments.begin());
    return app::check(arguments);
  }
  const auto flags = app::parse_flags(arguments);
  if (!flags) {
    fmt::print(stderr, "{}\n{}", flags.error().message, app::flag_help());
    return 2;
  }
  if (flags->help) {
    fmt::print(stderr, "{}", app::flag_help());
    return 0;
  }
  if (flags->version) {
    fmt::print("version: {} ({}), built at {}\n", app::kVersion, app::kCommit, app::kBuildDate);
    return 0;
  }
  return serve(*flags);
}
