// How one answer is made. The defaults come from the command line (`--answer`), a request changes
// them for itself with the header `X-Fake: control, control:value`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "values.h"

namespace fake_model {

enum class Shape { by_path, echo, events, bytes, websocket };
enum class Framing { automatic, length, chunked, until_eof };
// die: this process; drop, cut, reset: this connection. *_before: no byte was sent; otherwise in
// the middle of the body.
enum class Ending { normal, die_before, die, drop_before, cut, reset };

struct Controls {
  Duration hold{0};  // before the first byte
  int status = 200;
  std::optional<int> tokens;
  std::optional<double> tps;  // tokens a second; 0: no pauses

  Shape shape = Shape::by_path;
  int events = 0;           // Shape::events: how many
  Duration gap{0};          // and the pause after each
  std::uint64_t pad = 0;    // and bytes of filling in each
  std::uint64_t bytes = 0;  // Shape::bytes

  Ending ending = Ending::normal;
  std::optional<int> exit_status;  // of a death; none: SIGKILL

  Framing framing = Framing::automatic;
  bool http10 = false;
  bool bare_lf = false;
  bool bare_status = false;
  bool no_reason = false;
  bool odd_headers = false;
  bool early_hints = false;
  bool trailers = false;
  bool chunk_extensions = false;
  bool close = false;
  Duration head_gap{0};  // between the lines of the head
  std::string type;      // of the content; empty: what fits
  std::vector<std::pair<std::string, std::string>> headers;
};

// Applies "a, b:value"; the text of the first bad one, or nothing.
std::optional<std::string> apply_controls(Controls& controls, std::string_view text);
const std::vector<Setting<Controls>>& control_table();

}  // namespace fake_model
