// Time as the program counts it. Deciding code takes a Time as an argument and never reads a clock.
#pragma once

#include <chrono>
#include <string>

namespace llama_swap::util {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Millis = std::chrono::milliseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A duration the way the original prints it (Go's time.Duration): "15s", "1m30s", "2m0s",
// "1.234ms", "2.5s", "850µs".
std::string duration_text(std::chrono::nanoseconds d);

}  // namespace llama_swap::util
