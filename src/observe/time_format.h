// The time stamps of the proxy log (runtime 14, `logTimeFormat`). English names whatever the
// locale.
#pragma once

#include <chrono>
#include <ctime>
#include <string>
#include <string_view>

namespace llama_swap::observe {

enum class TimeFormat {
  none,
  ansic,
  unixdate,
  rubydate,
  rfc822,
  rfc822z,
  rfc850,
  rfc1123,
  rfc1123z,
  rfc3339,
  rfc3339nano,
  kitchen,
  stamp,
  stampmilli,
  stampmicro,
  stampnano,
};

// By configured name, in any case and with blanks around it; an unknown name is `none`.
TimeFormat time_format(std::string_view name);

// `local` is broken-down time with tm_gmtoff and tm_zone, as localtime_r makes it; 0 <= nanoseconds
// < 1e9. Appends nothing for `none`.
void append_time(std::string& out, TimeFormat format, const std::tm& local, int nanoseconds);

// Appends `at` in the local time zone. What is the same all second long is made once a second. One
// thread at a time.
class LocalTime {
 public:
  void append(std::string& out, TimeFormat format, std::chrono::system_clock::time_point at);

 private:
  std::time_t second_ = -1;
  TimeFormat format_ = TimeFormat::none;
  std::tm local_{};   // of second_
  std::string text_;  // of second_ in format_; empty if it has a fraction
};

}  // namespace llama_swap::observe
