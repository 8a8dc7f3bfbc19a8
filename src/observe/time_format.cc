#include "observe/time_format.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iterator>

#include "util/text.h"

namespace llama_swap::observe {
namespace {

constexpr std::string_view kDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                      "Thursday", "Friday", "Saturday"};
constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Letters after % as in strftime, but English, and a few of ours: %O is the zone of RFC 3339, %F
// its fraction without trailing zeros, %3 %6 %9 a fraction of so many digits, %K the kitchen clock.
struct Format {
  std::string_view name;
  TimeFormat format;
  std::string_view pattern;
};
constexpr Format kFormats[] = {
    {"", TimeFormat::none, ""},
    {"ansic", TimeFormat::ansic, "%a %b %e %T %Y"},
    {"unixdate", TimeFormat::unixdate, "%a %b %e %T %Z %Y"},
    {"rubydate", TimeFormat::rubydate, "%a %b %d %T %z %Y"},
    {"rfc822", TimeFormat::rfc822, "%d %b %y %R %Z"},
    {"rfc822z", TimeFormat::rfc822z, "%d %b %y %R %z"},
    {"rfc850", TimeFormat::rfc850, "%A, %d-%b-%y %T %Z"},
    {"rfc1123", TimeFormat::rfc1123, "%a, %d %b %Y %T %Z"},
    {"rfc1123z", TimeFormat::rfc1123z, "%a, %d %b %Y %T %z"},
    {"rfc3339", TimeFormat::rfc3339, "%Y-%m-%dT%T%O"},
    {"rfc3339nano", TimeFormat::rfc3339nano, "%Y-%m-%dT%T%F%O"},
    {"kitchen", TimeFormat::kitchen, "%K"},
    {"stamp", TimeFormat::stamp, "%b %e %T"},
    {"stampmilli", TimeFormat::stampmilli, "%b %e %T%3"},
    {"stampmicro", TimeFormat::stampmicro, "%b %e %T%6"},
    {"stampnano", TimeFormat::stampnano, "%b %e %T%9"},
};

// "-0700", or "-07:00" with a separator of ":".
void append_offset(std::string& out, const std::tm& t, std::string_view separator) {
  const long minutes = std::labs(t.tm_gmtoff) / 60;
  fmt::format_to(std::back_inserter(out), "{}{:02}{}{:02}", t.tm_gmtoff < 0 ? '-' : '+',
                 minutes / 60, separator, minutes % 60);
}

void append_short_fraction(std::string& out, int nanoseconds) {
  if (nanoseconds == 0) return;
  fmt::format_to(std::back_inserter(out), ".{:09}", nanoseconds);
  out.erase(out.find_last_not_of('0') + 1);
}

void append_field(std::string& out, char field, const std::tm& t, int nanoseconds) {
  const auto add = [&out]<class... Args>(fmt::format_string<Args...> text, Args&&... args) {
    fmt::format_to(std::back_inserter(out), text, std::forward<Args>(args)...);
  };
  const int year = t.tm_year + 1900;
  switch (field) {
    case 'a':
      out += kDays[t.tm_wday].substr(0, 3);
      break;
    case 'A':
      out += kDays[t.tm_wday];
      break;
    case 'b':
      out += kMonths[t.tm_mon];
      break;
    case 'd':
      add("{:02}", t.tm_mday);
      break;
    case 'e':
      add("{:2}", t.tm_mday);
      break;
    case 'm':
      add("{:02}", t.tm_mon + 1);
      break;
    case 'Y':
      add("{:04}", year);
      break;
    case 'y':
      add("{:02}", year % 100);
      break;
    case 'T':
      add("{:02}:{:02}:{:02}", t.tm_hour, t.tm_min, t.tm_sec);
      break;
    case 'R':
      add("{:02}:{:02}", t.tm_hour, t.tm_min);
      break;
    case 'K':
      add("{}:{:02}{}", (t.tm_hour + 11) % 12 + 1, t.tm_min, t.tm_hour < 12 ? "AM" : "PM");
      break;
    case 'Z':
      out += t.tm_zone;
      break;
    case 'z':
      append_offset(out, t, "");
      break;
    case 'O':
      if (t.tm_gmtoff == 0) {
        out += 'Z';
      } else {
        append_offset(out, t, ":");
      }
      break;
    case 'F':
      append_short_fraction(out, nanoseconds);
      break;
    case '3':
      add(".{:03}", nanoseconds / 1'000'000);
      break;
    case '6':
      add(".{:06}", nanoseconds / 1'000);
      break;
    case '9':
      add(".{:09}", nanoseconds);
      break;
    default:
      break;
  }
}

bool has_fraction(TimeFormat format) {
  return format == TimeFormat::rfc3339nano || format == TimeFormat::stampmilli ||
         format == TimeFormat::stampmicro || format == TimeFormat::stampnano;
}

}  // namespace

TimeFormat time_format(std::string_view name) {
  name = util::trim(name);
  for (const Format& known : kFormats)
    if (util::iequals(known.name, name)) return known.format;
  return TimeFormat::none;
}

void append_time(std::string& out, TimeFormat format, const std::tm& local, int nanoseconds) {
  std::string_view pattern = kFormats[static_cast<std::size_t>(format)].pattern;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '%') {
      append_field(out, pattern[++i], local, nanoseconds);
    } else {
      out += pattern[i];
    }
  }
}

void LocalTime::append(std::string& out, TimeFormat format,
                       std::chrono::system_clock::time_point at) {
  const auto since_epoch = at.time_since_epoch();
  const auto second = std::chrono::floor<std::chrono::seconds>(since_epoch);
  if (second.count() != second_ || format != format_) {
    second_ = second.count();
    format_ = format;
    localtime_r(&second_, &local_);
    text_.clear();
    if (!has_fraction(format)) append_time(text_, format, local_, 0);
  }
  if (!has_fraction(format)) {
    out += text_;
    return;
  }
  const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - second);
  append_time(out, format, local_, static_cast<int>(rest.count()));
}

}  // namespace llama_swap::observe
