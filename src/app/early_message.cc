#include "app/early_message.h"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>

namespace llama_swap::app {

void early_error(std::string_view text, std::string_view detail) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%Y/%m/%d %H:%M:%S", &local);
  fmt::print(stderr, "{} ERROR {}{}{}\n", stamp, text, detail.empty() ? "" : ": ", detail);
}

}  // namespace llama_swap::app
