// The LACT daemon: one JSON request a line on its socket, one JSON answer a line back (runtime
// 17.3).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/stop_signal.h"
#include "observe/gpu_sample.h"
#include "util/result.h"

namespace llama_swap::monitor {

struct LactDevice {
  std::string id;
  std::string name;
};

// Answers of the daemon. Errors: invalid (no such JSON, or its status is not ok).
util::Result<std::vector<LactDevice>> parse_lact_devices(std::string_view line);
// Nothing (but no error) for a device without memory of its own.
util::Result<std::optional<observe::GpuSample>> parse_lact_stats(std::string_view line);

// Where its socket is, as far as there is one; "" if not.
std::string lact_socket();

// One conversation: all devices. Errors: those of the parsers and of the connection; timed_out;
// cancelled.
util::Result<std::vector<observe::GpuSample>> ask_lact(const std::string& socket,
                                                       const StopSignal& stop);

}  // namespace llama_swap::monitor
