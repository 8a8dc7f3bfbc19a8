#include "observe/journal.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>

namespace llama_swap::observe {
namespace {

using config::LogLevel;

std::string_view priority(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "<7>";
    case LogLevel::info:
      return "<6>";
    case LogLevel::warn:
      return "<4>";
    case LogLevel::error:
      return "<3>";
  }
  return "";
}

bool is_number(std::string_view text, std::uint64_t number) {
  std::uint64_t read = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), read);
  return error == std::errc{} && end == text.data() + text.size() && read == number;
}

}  // namespace

bool is_journal(std::string_view journal_stream, dev_t device, ino_t inode) {
  const std::size_t colon = journal_stream.find(':');
  return colon != journal_stream.npos && is_number(journal_stream.substr(0, colon), device) &&
         is_number(journal_stream.substr(colon + 1), inode);
}

bool is_journal(int fd) {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat info {};
  return stream && ::fstat(fd, &info) == 0 && is_journal(stream, info.st_dev, info.st_ino);
}

void append_with_priority(std::string& out, LogLevel level, std::string_view text,
                          bool at_line_start) {
  while (!text.empty()) {
    if (at_line_start) out += priority(level);
    const std::size_t end = text.find('\n');
    const std::size_t length = end == text.npos ? text.size() : end + 1;
    out.append(text, 0, length);
    text.remove_prefix(length);
    at_line_start = true;
  }
}

}  // namespace llama_swap::observe
