// Times in API answers: RFC 3339, UTC, with milliseconds.
#pragma once

#include <chrono>
#include <string>

namespace llama_swap::server {

std::string rfc3339(std::chrono::system_clock::time_point at);

}  // namespace llama_swap::server
