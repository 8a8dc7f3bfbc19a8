// What this machine is made of (runtime 16), as /api/hardware tells it (http-api 24.2).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/accelerator.h"
#include "monitor/machine.h"
#include "monitor/stop_signal.h"
#include "util/result.h"

namespace llama_swap::monitor {

struct Hardware {
  std::chrono::system_clock::time_point captured_at;
  Machine machine;
  std::vector<Accelerator> accelerators;  // in the order of their indices
};

// Looks at everything; takes at most ten seconds, but for a driver that hangs. Blocks. Errors:
// unavailable (not even the size of the memory is known), cancelled.
util::Result<Hardware> detect_hardware(const StopSignal& stop);

// One line of JSON. `version`: of this program.
std::string hardware_json(const Hardware& hardware, std::string_view version);

}  // namespace llama_swap::monitor
