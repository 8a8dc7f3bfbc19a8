#include "observe/log_line.h"

#include "util/text.h"
#include "util/timestamp.h"

namespace llama_swap::observe {
namespace {

using config::LogLevel;

std::string_view prefix(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "[DEBUG] ";
    case LogLevel::info:
      return "[INFO] ";
    case LogLevel::warn:
      return "[WARN] ";
    case LogLevel::error:
      return "[ERROR] ";
  }
  return "";
}

std::string_view name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "";
}

// `name` needs no escapes.
void append_known(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out.append(",\"").append(name).append("\":");
  util::append_json_quoted(out, value);
}

}  // namespace

void append_text_line(std::string& out, LogLevel level, std::string_view text) {
  out.append(prefix(level)).append(text).append("\n");
}

ModelMessage split_model(std::string_view text) {
  const std::size_t end = text.starts_with('<') ? text.find("> ") : text.npos;
  if (end == text.npos) return {"", text};
  return {text.substr(1, end - 1), text.substr(end + 2)};
}

void JsonLines::append_time(std::string& out, Time at) {
  const auto second = std::chrono::floor<std::chrono::seconds>(at);
  if (second != second_ || text_.empty()) {
    second_ = second;
    text_ = util::rfc3339(second);
    text_.erase(text_.find('.') + 1);
  }
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(at - second).count();
  out.append("{\"time\":\"").append(text_);
  for (const auto unit : {100, 10, 1}) out += static_cast<char>('0' + ms / unit % 10);
  out += "Z\"";
}

void JsonLines::append(std::string& out, Time at, LogLevel level, std::string_view text,
                       const LogFields& fields) {
  const ModelMessage message = split_model(text);
  append_time(out, at);
  append_known(out, "level", name(level));
  append_known(out, "request_id", fields.request_id);
  append_known(out, "model", fields.model.empty() ? message.model : fields.model);
  append_known(out, "key", fields.key);
  out += ",\"msg\":";
  util::append_json_quoted(out, message.text);
  if (!fields.members.empty()) out.append(",").append(fields.members);
  out += "}\n";
}

void JsonLines::append_output(std::string& out, Time at, std::string_view model,
                              std::string_view text) {
  append_time(out, at);
  out += R"(,"level":"info","source":"upstream","model":)";
  util::append_json_quoted(out, model);
  out += ",\"msg\":";
  util::append_json_quoted(out, text);
  out += "}\n";
}

}  // namespace llama_swap::observe
