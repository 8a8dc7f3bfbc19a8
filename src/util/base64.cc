#include "util/base64.h"

#include <openssl/evp.h>

#include <algorithm>

namespace llama_swap::util {

void append_base64(std::string& out, std::string_view bytes) {
  constexpr std::size_t kMost = std::size_t{3} << 20;  // the function below counts with int
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kMost);
    const std::size_t begin = out.size();
    out.resize(begin + (piece.size() + 2) / 3 * 4 + 1);  // it writes a 0 behind
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + begin),
                                     reinterpret_cast<const unsigned char*>(piece.data()),
                                     static_cast<int>(piece.size()));
    out.resize(begin + static_cast<std::size_t>(size));
    bytes.remove_prefix(piece.size());
  }
}

}  // namespace llama_swap::util
