#include "server/timestamp.h"

#include <fmt/format.h>

#include <ctime>

namespace llama_swap::server {

std::string rfc3339(std::chrono::system_clock::time_point at) {
  const auto second = std::chrono::floor<std::chrono::seconds>(at);
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(at - second);
  const std::time_t count = std::chrono::system_clock::to_time_t(second);
  std::tm utc{};
  gmtime_r(&count, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     rest.count());
}

}  // namespace llama_swap::server
