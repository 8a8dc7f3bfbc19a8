// Every log of the program (runtime 14):
//
//   output of a model ──► that model's source ──► `upstream` ──┐
//                                                              ├─ as `logToStdout` says ──►
//                                                              combined ──► stdout
//   messages of the proxy ─────────────────────► `proxy` ──────┘
//
// With `logFormat: json` each message is a JSON object, and so is, in the combined log, each line
// of a model's output (log_line.h); the sources of models and `upstream` keep what came.
//
// I/O thread only; nothing here waits for stdout.
#pragma once

#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "config/config.h"
#include "observe/log_line.h"
#include "observe/log_source.h"
#include "observe/stdout_writer.h"
#include "observe/time_format.h"

namespace llama_swap::observe {

class LogHub {
 public:
  // `out` may be null (nothing goes to stdout) and must outlive the hub. The target stays for the
  // life of the process.
  LogHub(config::LogTarget target, StdoutWriter* out) : target_(target), out_(out) {}

  // Level, form and time stamp (of text) of the messages of the proxy; may change at any time.
  void set_level(config::LogLevel level) { level_ = level; }
  void set_time_format(std::string_view name) { time_format_ = observe::time_format(name); }
  void set_format(config::LogFormat format);
  // Stdout is the journal: its lines say how important they are.
  void give_priorities() { priorities_ = true; }

  bool enabled(config::LogLevel level) const { return level >= level_; }
  bool is_json() const { return format_ == config::LogFormat::json; }
  // "[<timestamp> ][<LEVEL>] <text>\n", or JSON, if the level is enabled.
  void log(config::LogLevel level, std::string_view text, const LogFields& about = {});

  // Formats only what will be seen.
  template <class... Args>
  void debug(fmt::format_string<Args...> text, Args&&... args) {
    format(config::LogLevel::debug, {}, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void info(fmt::format_string<Args...> text, Args&&... args) {
    format(config::LogLevel::info, {}, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> text, Args&&... args) {
    format(config::LogLevel::warn, {}, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(fmt::format_string<Args...> text, Args&&... args) {
    format(config::LogLevel::error, {}, text, std::forward<Args>(args)...);
  }

  template <class... Args>
  void warn(const LogFields& about, fmt::format_string<Args...> text, Args&&... args) {
    format(config::LogLevel::warn, about, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(const LogFields& about, fmt::format_string<Args...> text, Args&&... args) {
    format(config::LogLevel::error, about, text, std::forward<Args>(args)...);
  }

  // What a model server wrote, as it came.
  void model_output(const std::string& model, std::string_view data);
  // It has ended, perhaps in the middle of a line.
  void model_output_ended(const std::string& model);

  LogSource& proxy() { return proxy_; }
  LogSource& upstream() { return upstream_; }
  LogSource& combined() { return combined_; }
  // The source of a real id; made at first use.
  LogSource& model(const std::string& id);
  // Forgets the models that `config` lacks; streams of theirs end.
  void keep_models_of(const config::Config& config);

 private:
  template <class... Args>
  void format(config::LogLevel level, const LogFields& about, fmt::format_string<Args...> text,
              Args&&... args) {
    if (!enabled(level)) return;
    text_.clear();
    fmt::format_to(std::back_inserter(text_), text, std::forward<Args>(args)...);
    log(level, text_, about);
  }
  void write_output_line(const std::string& model, std::string_view line);
  void write_combined(config::LogLevel level, std::string_view data);
  bool combines(config::LogTarget part) const {
    return target_ == part || target_ == config::LogTarget::both;
  }

  const config::LogTarget target_;
  StdoutWriter* const out_;
  config::LogLevel level_ = config::LogLevel::info;
  config::LogFormat format_ = config::LogFormat::text;
  TimeFormat time_format_ = TimeFormat::none;
  LocalTime local_time_;
  JsonLines json_;
  bool priorities_ = false;
  bool at_line_start_ = true;              // of stdout
  std::string text_, line_, prioritised_;  // reused: a message costs no allocation

  LogSource proxy_, upstream_, combined_;
  std::map<std::string, std::unique_ptr<LogSource>> models_;
  std::map<std::string, LineCutter> lines_;  // of models, for the combined log in JSON
};

}  // namespace llama_swap::observe
