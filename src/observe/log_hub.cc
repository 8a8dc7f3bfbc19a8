#include "observe/log_hub.h"

namespace llama_swap::observe {
namespace {

using config::LogLevel;
using config::LogTarget;

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

}  // namespace

void LogHub::log(LogLevel level, std::string_view text) {
  if (!enabled(level)) return;
  line_.clear();
  if (time_format_ != TimeFormat::none) {
    local_time_.append(line_, time_format_, std::chrono::system_clock::now());
    line_ += ' ';
  }
  line_ += prefix(level);
  line_ += text;
  line_ += '\n';
  proxy_.write(line_);
  if (target_ == LogTarget::proxy || target_ == LogTarget::both) write_combined(line_);
}

void LogHub::model_output(const std::string& id, std::string_view data) {
  model(id).write(data);
  upstream_.write(data);
  if (target_ == LogTarget::upstream || target_ == LogTarget::both) write_combined(data);
}

void LogHub::write_combined(std::string_view data) {
  combined_.write(data);
  if (out_) out_->write(data);
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
