// PCI addresses, by which different sources name the same device.
#pragma once

#include <string>
#include <string_view>

namespace llama_swap::monitor {

// "00000000:C1:00.0", "0000:c1:00.0" and "c1:00.0" are all "0000:c1:00.0". "" if it is none.
std::string normalized_pci(std::string_view address);

}  // namespace llama_swap::monitor
