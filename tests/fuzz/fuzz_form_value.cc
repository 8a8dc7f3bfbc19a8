// Urlencoded forms: the first line of the input is the key, the rest the form. Compared with the
// plain way of doing it.
#include "fuzz/fuzz.h"
#include "net/http.h"
#include "util/text.h"

using namespace llama_swap;
using fuzz::require;

namespace {

bool is_hex(char c) {
  return std::string_view("0123456789abcdefABCDEF").find(c) != std::string_view::npos;
}

bool is_broken(std::string_view piece) {
  for (std::size_t i = 0; i < piece.size(); ++i) {
    if (piece[i] == ';') return true;
    if (piece[i] == '%' &&
        (i + 2 >= piece.size() || !is_hex(piece[i + 1]) || !is_hex(piece[i + 2])))
      return true;
  }
  return false;
}

std::string decode(std::string_view text) {
  return util::percent_decode(util::replace_all(std::string(text), "+", " "));
}

std::optional<std::string> plainly(std::string_view form, std::string_view key) {
  for (const std::string_view piece : util::split(form, '&')) {
    if (piece.empty() || is_broken(piece)) continue;
    const auto equals = std::min(piece.find('='), piece.size());
    if (decode(piece.substr(0, equals)) == key)
      return decode(piece.substr(std::min(equals + 1, piece.size())));
  }
  return std::nullopt;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  const std::string_view key = input.substr(0, input.find('\n'));
  const std::string_view form = input.substr(std::min(key.size() + 1, input.size()));
  require(net::form_value(form, key) == plainly(form, key), "the same as the plain way");
  return 0;
}
