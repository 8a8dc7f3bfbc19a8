#include "observe/log_hub.h"

#include "observe/journal.h"

namespace llama_swap::observe {

using config::LogFormat;
using config::LogLevel;
using config::LogTarget;

namespace {

// In place of what stdout did not take.
std::string json_gap(std::size_t bytes) {
  std::string line;
  JsonLines().append(line, std::chrono::system_clock::now(), LogLevel::warn,
                     fmt::format("{} bytes dropped", bytes));
  return line;
}

}  // namespace

void LogHub::set_format(LogFormat format) {
  if (format == format_) return;
  for (auto& [id, cutter] : lines_)
    cutter.finish([&, &model = id](std::string_view line) { write_output_line(model, line); });
  lines_.clear();
  format_ = format;
  if (out_) out_->set_gap_text(is_json() ? json_gap : StdoutWriter::plain_gap);
}

void LogHub::log(LogLevel level, std::string_view text, const LogFields& about) {
  if (!enabled(level)) return;
  line_.clear();
  const auto now = std::chrono::system_clock::now();
  if (is_json()) {
    json_.append(line_, now, level, text, about);
  } else {
    if (time_format_ != TimeFormat::none) {
      local_time_.append(line_, time_format_, now);
      line_ += ' ';
    }
    append_text_line(line_, level, text);
  }
  proxy_.write(line_);
  if (combines(LogTarget::proxy)) write_combined(level, line_);
}

void LogHub::model_output(const std::string& id, std::string_view data) {
  model(id).write(data);
  upstream_.write(data);
  if (!combines(LogTarget::upstream)) return;
  if (!is_json()) return write_combined(LogLevel::info, data);
  lines_[id].feed(data, [&](std::string_view line) { write_output_line(id, line); });
}

void LogHub::model_output_ended(const std::string& id) {
  const auto begun = lines_.find(id);
  if (begun == lines_.end()) return;
  begun->second.finish([&](std::string_view line) { write_output_line(id, line); });
  lines_.erase(begun);
}

void LogHub::write_output_line(const std::string& model, std::string_view line) {
  line_.clear();
  json_.append_output(line_, std::chrono::system_clock::now(), model, line);
  write_combined(LogLevel::info, line_);
}

void LogHub::write_combined(LogLevel level, std::string_view data) {
  combined_.write(data);
  if (!out_ || data.empty()) return;
  if (!priorities_) return out_->write(data);
  prioritised_.clear();
  append_with_priority(prioritised_, level, data, at_line_start_);
  at_line_start_ = data.ends_with('\n');
  out_->write(prioritised_);
}

LogSource& LogHub::model(const std::string& id) {
  std::unique_ptr<LogSource>& source = models_[id];
  if (!source) source = std::make_unique<LogSource>();
  return *source;
}

void LogHub::keep_models_of(const config::Config& config) {
  std::erase_if(models_, [&](const auto& entry) { return !config.models.contains(entry.first); });
}

}  // namespace llama_swap::observe
