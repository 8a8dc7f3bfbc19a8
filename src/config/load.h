// From files to a checked Config, or to everything that is wrong with them.
//
// The way there, one idea a file: list and read the sources (sources), fill in ${env.NAME} (env),
// parse (yaml_tree, yaml_scalar), merge several files (merge), resolve aliases (expand), apply macros
// and ports (macros, templates), look for what is left of them (placeholders), read typed values by
// the table of keys (keys, reader), check them and what concerns several of them (decode_*).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "util/result.h"

namespace llama_swap::config {

// What the command line names (-config, -config-dir).
struct Sources {
  std::optional<std::filesystem::path> file, dir;
};

// A text with the name that messages call it by.
struct Source {
  std::string name;
  std::string text;
};

enum class Severity { error, warning };

// One thing that is wrong, or looks wrong, and where.
struct Problem {
  Severity severity = Severity::error;
  std::string file;  // name of the source; empty: none in particular
  int line = 0;      // from 1; 0: the file as a whole
  int column = 0;    // from 1, in characters
  std::string key;   // dotted path ("models.owl.ttl"); empty: none
  std::string message;
  std::string excerpt;  // the source line as written (before ${env} and macros); empty where it
                        // might hold an API key

  // "file:line:column: key: message", then the quoted line and a caret under the column. No line
  // end at the end.
  std::string text() const;
};

struct Node;  // yaml_tree.h

struct LoadResult {
  ConfigPtr config;               // null: there is at least one error
  std::vector<Problem> problems;  // in the order of the sources: errors first, then warnings
  // What `config` was read from, for those who explain it: all sources as one tree, macros and ports
  // filled in, each value with its place. Null where `config` is.
  std::shared_ptr<const Node> tree;
  std::vector<std::string> sources;  // their names; Mark::source counts in it

  // All errors (or all warnings) as text, one after the other.
  std::string text(Severity severity) const;
};

// The value of an environment variable; nothing: it is not set.
using EnvLookup = std::function<std::optional<std::string>(const std::string& name)>;
// The environment of this process.
EnvLookup process_environment();

// The files to read, in order (1.1). Errors name the file or directory; `conflict`: the file is in
// the directory, too.
util::Result<std::vector<std::filesystem::path>> list_sources(const Sources& sources);

// Blocks (reads files). Callable from any thread.
LoadResult load(const Sources& sources, const EnvLookup& env);
// The same from texts in memory, merged from first to last.
LoadResult load_texts(std::vector<Source> sources, const EnvLookup& env);
LoadResult load_text(std::string name, std::string text, const EnvLookup& env);

}  // namespace llama_swap::config
