// Every log of the program (runtime 14):
//
//   output of a model ──► that model's source ──► `upstream` ──┐
//                                                              ├─ as `logToStdout` says ──►
//                                                              combined ──► stdout
//   messages of the proxy ─────────────────────► `proxy` ──────┘
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
#include "observe/log_source.h"
#include "observe/stdout_writer.h"
#include "observe/time_format.h"

namespace llama_swap::observe {

class LogHub {
 public:
  // `out` may be null (nothing goes to stdout) and must outlive the hub. The target stays for the
  // life of the process.
  LogHub(config::LogTarget target, StdoutWriter* out) : target_(target), out_(out) {}

  // Level and time stamp of the messages of the proxy; may change at any time.
  void set_level(config::LogLevel level) { level_ = level; }
  void set_time_format(std::string_view name) { time_format_ = observe::time_format(name); }

  bool enabled(config::LogLevel level) const { return level >= level_; }
  // "[<timestamp> ][<LEVEL>] <text>\n", if the level is enabled.
  void log(config::LogLevel level, std::string_view text);

  // Formats only what will be seen.
  template <class... Args>
  void debug(fmt::format_string<Args...> text, Args&&... args) {
    format(config::LogLevel::debug, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void info(fmt::format_string<Args...> text, Args&&... args) {
    format(config::LogLevel::info, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> text, Args&&... args) {
    format(config::LogLevel::warn, text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void error(fmt::format_string<Args...> text, Args&&... args) {
    format(config::LogLevel::error, text, std::forward<Args>(args)...);
  }

  // What a model server wrote, as it came.
  void model_output(const std::string& model, std::string_view data);

  LogSource& proxy() { return proxy_; }
  LogSource& upstream() { return upstream_; }
  LogSource& combined() { return combined_; }
  // The source of a real id; made at first use.
  LogSource& model(const std::string& id);
  // Forgets the models that `config` lacks; streams of theirs end.
  void keep_models_of(const config::Config& config);

 private:
  template <class... Args>
  void format(config::LogLevel level, fmt::format_string<Args...> text, Args&&... args) {
    if (!enabled(level)) return;
    text_.clear();
    fmt::format_to(std::back_inserter(text_), text, std::forward<Args>(args)...);
    log(level, text_);
  }
  void write_combined(std::string_view data);

  const config::LogTarget target_;
  StdoutWriter* const out_;
  config::LogLevel level_ = config::LogLevel::info;
  TimeFormat time_format_ = TimeFormat::none;
  LocalTime local_time_;
  std::string text_, line_;  // reused: a message costs no allocation

  LogSource proxy_, upstream_, combined_;
  std::map<std::string, std::unique_ptr<LogSource>> models_;
};

}  // namespace llama_swap::observe
