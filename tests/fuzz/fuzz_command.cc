// Command strings: any text splits into arguments, and arguments that are quoted again split into
// the same ones.
#include "config/command.h"
#include "fuzz/fuzz.h"
#include "util/text.h"

using namespace llama_swap;
using fuzz::require;

namespace {

std::string quoted(const std::vector<std::string>& arguments) {
  std::string out;
  for (const std::string& argument : arguments)
    out += "'" + util::replace_all(argument, "'", "'\\''") + "' ";
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::as_text(data, size);
  const std::string kept = config::without_comments(input);
  require(kept.size() <= input.size(), "removing makes nothing longer");
  require(config::without_comments(kept) == kept, "no comment is left");

  const auto arguments = config::split_command(input);
  require(arguments == config::split_command(kept), "comments do not count");
  std::size_t length = 0;
  bool one_line = true;
  for (const std::string& argument : arguments) {
    length += argument.size();
    // In the middle of quotes, too, a line may be a comment or go on in the next one.
    one_line = one_line && argument.find('\n') == std::string::npos;
  }
  require(length <= input.size(), "splitting makes nothing longer");
  if (one_line)
    require(config::split_command(quoted(arguments)) == arguments, "splits into the same");

  for (const std::string& argument : config::stop_command(input, 4711))
    require(argument.find("${PID}") == std::string::npos || input.find('\\') != input.npos ||
                input.find_first_of("'\"") != input.npos,
            "the process ID is filled in");
  return 0;
}
