#include "app/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "app/check_diff.h"
#include "app/check_effective.h"
#include "app/check_explain.h"
#include "app/check_print.h"
#include "app/check_secrets.h"
#include "app/flags.h"
#include "config/load.h"
#include "config/schema.h"
#include "util/text.h"

namespace llama_swap::app {
namespace {

using config::LoadResult;
using config::Severity;

struct Options {
  std::string config, config_dir, explain;
  bool print = false, diff = false, schema = false;
};

auto check_flags(Options& options) {
  return std::array{
      Flag{"config", &options.config, nullptr, "path", "configuration file"},
      Flag{"config-dir", &options.config_dir, nullptr, "path",
           "directory of *.yml and *.yaml files, merged after -config"},
      Flag{"print", nullptr, &options.print, "",
           "print the effective configuration, with the place of each value; secrets are masked"},
      Flag{"explain", &options.explain, nullptr, "name",
           "explain what a name means, how its model is run and what it displaces"},
      Flag{"diff", nullptr, &options.diff, "",
           "followed by OLD and NEW, files or directories: tell what a reload would do"},
      Flag{"schema", nullptr, &options.schema, "", "print the JSON schema of configuration files"},
  };
}

int usage(std::string_view complaint) {
  Options options;
  fmt::print(stderr,
             "{}Usage of llama-swap check:\n  tells whether a configuration is valid, and what is "
             "wrong with it\n{}",
             complaint.empty() ? "" : fmt::format("{}\n", complaint),
             flag_list(check_flags(options)));
  return complaint.empty() ? 0 : 2;
}

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// Everything that is wrong, and how much that is. False: there is an error.
bool report(const LoadResult& loaded) {
  const auto errors =
      std::ranges::count(loaded.problems, Severity::error, &config::Problem::severity);
  for (const config::Problem& problem : loaded.problems) fmt::print(stderr, "{}\n", problem.text());
  if (!loaded.problems.empty())
    fmt::print(stderr, "{}, {}\n", counted(static_cast<std::size_t>(errors), "error"),
               counted(loaded.problems.size() - static_cast<std::size_t>(errors), "warning"));
  return loaded.config != nullptr;
}

void summary_line(std::string_view label, const std::vector<std::string>& names) {
  fmt::print("{:<10} {:>3}{}{}\n", label, names.size(), names.empty() ? "" : ": ",
             util::join(names, ", "));
}

template <class Map>
std::vector<std::string> names_of(const Map& map) {
  std::vector<std::string> out;
  for (const auto& [name, value] : map) out.push_back(name);
  return out;
}

void summarize(const LoadResult& loaded) {
  const config::Config& config = *loaded.config;
  fmt::print("valid: {}\n", util::join(loaded.sources, ", "));
  summary_line("models", names_of(config.models));
  if (config.matrix) {
    summary_line("sets", names_of(config.matrix->sets));
  } else {
    std::vector<std::string> groups;
    for (const config::Group& group : config.groups)
      groups.push_back(
          fmt::format("{} ({})", group.id,
                      group.members.empty() ? "no models" : util::join(group.members, ", ")));
    summary_line("groups", groups);
  }
  summary_line("peers", names_of(config.peers));
  summary_line("profiles", names_of(config.profiles));
  summary_line("selectors", names_of(config.selectors));
  std::vector<std::string> ports;
  for (const auto& [id, model] : config.models)
    if (model.port) ports.push_back(fmt::format("{} ({})", *model.port, id));
  summary_line("ports", ports);
}

void print_effective(const LoadResult& loaded) {
  config::Node tree = effective(loaded);
  Secrets(*loaded.config).hide(tree);
  fmt::print("{}", yaml_with_places(tree, loaded.sources));
}

int print_explanation(const LoadResult& loaded, const std::string& name) {
  const auto text = explain(loaded.config, name);
  if (!text) {
    fmt::print(stderr, "no model, alias, peer model or selector has the name {}\n", name);
    return 1;
  }
  fmt::print("{}", *text);
  return 0;
}

LoadResult load_file_or_directory(const std::string& path) {
  std::error_code ignored;
  const bool directory = std::filesystem::is_directory(path, ignored);
  return config::load(directory ? sources_of("", path) : sources_of(path, ""),
                      config::process_environment());
}

int print_difference(const std::string& before, const std::string& after) {
  const LoadResult old = load_file_or_directory(before);
  const LoadResult now = load_file_or_directory(after);
  const bool old_valid = report(old);
  const bool now_valid = report(now);
  if (!old_valid || !now_valid) return 1;
  fmt::print("{}", reload_effect(old, now));
  return 0;
}

int look(const Options& options) {
  const LoadResult loaded =
      config::load(sources_of(options.config, options.config_dir), config::process_environment());
  if (!report(loaded)) return 1;
  if (options.print) {
    print_effective(loaded);
  } else if (!options.explain.empty()) {
    return print_explanation(loaded, options.explain);
  } else {
    summarize(loaded);
  }
  return 0;
}

}  // namespace

int check(const std::vector<std::string>& arguments) {
  Options options;
  const auto read = read_flags(arguments, check_flags(options));
  if (!read) return usage(read.error().message);
  if (read->help) return usage({});
  const std::vector<std::string> rest(arguments.begin() + static_cast<std::ptrdiff_t>(read->words),
                                      arguments.end());
  if (options.print + options.diff + options.schema + !options.explain.empty() > 1)
    return usage("only one of -print, -explain, -diff and -schema at a time");
  if (options.diff) {
    if (rest.size() != 2) return usage("-diff needs two configurations behind it: OLD and NEW");
    return print_difference(rest[0], rest[1]);
  }
  if (!rest.empty()) return usage(fmt::format("unexpected argument: {}", rest.front()));
  if (options.schema) {
    fmt::print("{}\n", config::schema().dump(2));
    return 0;
  }
  return look(options);
}

}  // namespace llama_swap::app
