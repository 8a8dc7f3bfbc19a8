#include "app/early_message.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <string>
#include <utility>

#include "observe/journal.h"

namespace llama_swap::app {

void early_error(std::string_view text, std::string_view detail) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S", &local);
  std::string message =
      fmt::format("{} ERROR {}{}{}\n", stamp, text, detail.empty() ? "" : ": ", detail);
  if (observe::is_journal(STDERR_FILENO)) {
    std::string prioritised;
    observe::append_with_priority(prioritised, config::LogLevel::error, message);
    message = std::move(prioritised);
  }
  fmt::print(stderr, "{}", message);
}

}  // namespace llama_swap::app
