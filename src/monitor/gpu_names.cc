#include "monitor/gpu_names.h"

#include <fmt/format.h>

namespace llama_swap::monitor {

std::string nvidia_architecture(int major, int minor) {
  switch (major) {
    case 2:
      return "Fermi";
    case 3:
      return "Kepler";
    case 5:
      return "Maxwell";
    case 6:
      return "Pascal";
    case 7:
      return minor == 0 || minor == 2 ? "Volta" : minor == 5 ? "Turing" : "";
    case 8:
      return minor == 9 ? "Ada Lovelace" : minor == 0 || minor == 6 || minor == 7 ? "Ampere" : "";
    case 9:
      return minor == 0 ? "Hopper" : "";
    case 10:
      return minor == 0 || minor == 3 ? "Blackwell" : "";
    case 11:
      return minor == 0 ? "Blackwell" : "";
    case 12:
      return minor == 0 || minor == 1 ? "Blackwell" : "";
    default:
      return "";
  }
}

std::string amd_architecture(std::int64_t v) {
  if (v < 10'000) return "";
  return fmt::format("gfx{}{}{:x}", v / 10'000, v / 100 % 100, v % 100);
}

}  // namespace llama_swap::monitor
