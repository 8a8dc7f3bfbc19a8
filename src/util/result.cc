#include "util/result.h"

#include <system_error>

namespace llama_swap::util {

tl::unexpected<Error> fail_errno(int error_number, std::string_view what) {
  return fail(Errc::io, std::string(what) + ": " + std::generic_category().message(error_number));
}

}  // namespace llama_swap::util
