// Standard base64 with padding (RFC 4648 4).
#pragma once

#include <string>
#include <string_view>

namespace llama_swap::util {

// Text in pieces follows on seamlessly if each piece but the last is a multiple of 3 bytes long.
void append_base64(std::string& out, std::string_view bytes);

}  // namespace llama_swap::util
