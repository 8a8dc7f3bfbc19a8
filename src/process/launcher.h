// Starting and stopping one instance of a model. The local implementation runs a command under a
// shim process (shim_protocol.h); a cluster engine would be a second one.
//
// Everything here belongs to the I/O thread. No call blocks. Events come from the loop, never from
// inside a call of the owner, in this order:
//
//   on_output*  then  (on_ready | on_failed)?  then  on_exited?  then  on_gone      exactly one
//   on_gone per launch
//
// on_gone means that nothing of the instance is left: no process of its tree, no listener of ours.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "util/result.h"

namespace llama_swap::process {

struct LaunchSpec {
  std::string model;             // for messages
  std::string cmd;               // split when started (config 4.2)
  std::string cmd_stop;          // may hold ${PID}; empty: SIGTERM
  std::vector<std::string> env;  // NAME=value on top of the daemon's own environment
  std::string proxy;             // base URL of the server, e.g. http://localhost:5800/base
  bool owns_port = false;  // the port of `proxy` was chosen for this model (${PORT}): nobody else may
                           // be there before it
  std::string check_endpoint;    // "none": ready once launched
  std::string ca_file;           // trusted beside the system's, if `proxy` is https; may be empty
  config::Timeouts timeouts;
  std::chrono::seconds health_check_timeout{120};
  std::chrono::seconds unload_timeout{10};  // grace of a stop that names none
  std::chrono::milliseconds orphan_grace{
      1000};  // how long the stop recipe may take after the daemon is gone
  config::StopScope stop_scope = config::StopScope::tree;

  // Equal: an instance of the one may run on for the other. What only says how long to wait does
  // not count.
  bool operator==(const LaunchSpec&) const;
};

// The launch settings of a configured model (those whose change means a restart).
LaunchSpec launch_spec(const config::Model& model);

class InstanceEvents {
 public:
  virtual ~InstanceEvents() = default;
  // What the command wrote to stdout and stderr, in order, as read. `data` lives only during the
  // call.
  virtual void on_output(std::string_view data) = 0;
  // The server answers (or there is no health check).
  virtual void on_ready() = 0;
  // The start failed or was given up. The message is what a waiting client sees after "unspecific
  // error: ": "upstream command exited prematurely", "health check timed out after 2m0s",
  // "aborted", "failed to start command '...': ...", "unable to get sanitized command: empty
  // command", "upstream proxy missing", ...
  virtual void on_failed(const util::Error& why) = 0;
  // The server of a ready instance ended without being asked. What is left of the tree is being
  // swept; on_gone follows.
  virtual void on_exited(const std::string& how) = 0;
  // The kernel will not let go of a process although it was killed (a driver that hangs). on_gone
  // may come much later.
  virtual void on_stuck() = 0;
  virtual void on_gone() = 0;
};

class Instance {
 public:
  // Destroying a running instance abandons it: its shim runs the stop recipe by itself. No event
  // comes any more.
  virtual ~Instance() = default;
  // Asks for the end: stop command or SIGTERM now, SIGKILL after `grace`. A start in progress is
  // given up (on_failed "aborted", grace at most 5 s). May be called again to shorten the grace;
  // never lengthens it.
  virtual void stop(std::chrono::milliseconds grace) = 0;
  virtual pid_t pid() const = 0;  // of the command; 0 before the spawn and after the end
  // The process that all of the instance are descendants of, as it is their sub-reaper, and that is
  // none of the instance's itself; 0: there is none (now).
  virtual pid_t tree_root() const { return 0; }
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  // Begins a start; what becomes of it comes as events. `events` must outlive the instance.
  virtual std::unique_ptr<Instance> launch(LaunchSpec spec, InstanceEvents& events) = 0;
};

}  // namespace llama_swap::process
