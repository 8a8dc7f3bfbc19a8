// Messages from before there is a log, and from after: "2006/01/02 15:04:05 ERROR text key=value"
// on stderr.
#pragma once

#include <string_view>

namespace llama_swap::app {

// `detail` may have several lines; it goes below the message as it is.
void early_error(std::string_view text, std::string_view detail = {});

}  // namespace llama_swap::app
