// The command line.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controls.h"
#include "values.h"

namespace fake_model {

// What SIGTERM does. hang: as llama-server does while a request runs: nothing more is sent, and the
// process ends when the last such client has left, or at a second signal.
enum class OnTerm { exit, ignore, delay, hang };

// One more process, a child of the server, that waits for ever.
struct Child {
  bool setsid = false;  // leads a session of its own
  bool pipe = false;    // keeps our output open
  bool polite = false;  // SIGTERM ends it
};

struct Options {
  std::string host = "localhost";
  int port = 9898;
  std::string tag = "fake";
  int tokens = 1000;
  double tps = 75;
  Controls answer;  // where a request says nothing else

  Duration load{0};
  Duration bind_delay{0};
  std::string health_path = "/health";
  int health_status = 200;
  bool health_hang = false;
  bool health_endless = false;
  std::string health_file;  // 503 until it exists
  std::string need_file;    // ends at once with status 3 if it does not exist

  std::optional<Duration> exit_after;
  int exit_status = 0;
  std::optional<int> fail_start;  // ends with it where it would listen
  int crash_on = 0;               // the n-th request dies before its answer

  OnTerm on_term = OnTerm::exit;
  Duration term_delay{0};
  bool fork = false;
  bool daemon = false;
  std::vector<Child> children;

  std::uint64_t memory = 0;
  std::string print, print_error;
  std::uint64_t flood = 0;
  Duration talk{0};
  std::string record;

  Duration idle_close{0};
  int close_after = 0;  // requests a connection
  bool stream_close = false;
};

// Reads "-name value", "-name=value", "--name …". Ends the process for --help (0) and for what it
// cannot read (2).
Options parse_options(const std::vector<std::string>& arguments);

}  // namespace fake_model
