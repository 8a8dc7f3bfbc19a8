#include "server/shortened.h"

#include "util/text.h"

namespace llama_swap::server {

std::string shortened(std::string_view text, std::size_t most) {
  text = util::trim(text);
  if (text.size() <= most) return std::string(text);
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return std::string(text.substr(0, most)) + "...";
}

}  // namespace llama_swap::server
