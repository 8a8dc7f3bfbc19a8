// How a message of the log is written: as a line of text, or as a JSON object on a line of its own.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "config/config.h"

namespace llama_swap::observe {

// What a message is about, as far as it is known; "" where it is not. Lines of text do not tell it:
// they look as they always did.
struct LogFields {
  std::string_view request_id, model, key;
  std::string_view members;  // more of them, as in a JSON object: `"a":1,"b":"x"`
};

// "[<LEVEL>] <text>\n".
void append_text_line(std::string& out, config::LogLevel level, std::string_view text);

// `text` may begin with "<id> ", as messages about one model do: then it is about that model, and
// this is no part of the message.
struct ModelMessage {
  std::string_view model, text;
};
ModelMessage split_model(std::string_view text);

// {"time":"2024-05-06T07:08:09.010Z","level":"info","msg":"..."} and a line feed, with those
// members between level and msg that are known: request_id, model, key. What is no UTF-8 becomes
// U+FFFD. One thread at a time.
class JsonLines {
 public:
  using Time = std::chrono::system_clock::time_point;

  void append(std::string& out, Time at, config::LogLevel level, std::string_view text,
              const LogFields& fields = {});
  // What a model server wrote: {"time","level":"info","source":"upstream","model","msg"}.
  void append_output(std::string& out, Time at, std::string_view model, std::string_view text);

 private:
  void append_time(std::string& out, Time at);

  std::chrono::sys_seconds second_{};  // of text_
  std::string text_;                   // up to the point before the milliseconds
};

// Cuts what a model server writes into lines. One that is longer than kMaxLine is given in pieces.
class LineCutter {
 public:
  static constexpr std::size_t kMaxLine = 16 << 10;  // bytes

  // Calls `on_line` for each line that `data` ends, without its line end; the view is valid during
  // the call.
  template <class OnLine>
  void feed(std::string_view data, const OnLine& on_line) {
    while (!data.empty()) {
      const std::size_t end = data.find('\n');
      const std::size_t room = kMaxLine - begun_.size();
      const std::size_t taken = std::min({end, data.size(), room});
      const bool ended = taken == end;
      if (begun_.empty() && ended) {
        give(data.substr(0, taken), on_line);
      } else {
        begun_.append(data, 0, taken);
        if (ended || begun_.size() == kMaxLine) finish(on_line);
      }
      goes_on_ = !ended && (goes_on_ || begun_.empty());
      data.remove_prefix(taken + (ended ? 1 : 0));
    }
  }
  // There will be no line feed any more.
  template <class OnLine>
  void finish(const OnLine& on_line) {
    if (!begun_.empty()) give(begun_, on_line);
    begun_.clear();
  }

 private:
  template <class OnLine>
  void give(std::string_view line, const OnLine& on_line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    // The mere end of a line that was given is none.
    if (!line.empty() || !goes_on_) on_line(line);
  }

  std::string begun_;     // the line, or piece of one, that has not ended yet
  bool goes_on_ = false;  // pieces of it have been given
};

}  // namespace llama_swap::observe
