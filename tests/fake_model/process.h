// Everything about this program that is a process and not a server: its shape (wrappers, daemons,
// helpers), its memory, its output, its signals and its end.
#pragma once

#include "server.h"

namespace fake_model {

// Becomes the shape asked for. Returns in the process that is to serve. Before any thread.
void take_shape(const Options& options, const Recorder& recorder);
// Takes memory, prints, begins to talk, and ends where it is told to. Before listening.
void prepare(const Options& options, const Recorder& recorder);
// Signals of ours wait for `serve_signals` from now on, in every thread. Before any thread.
void block_signals();
// Starts the threads that wait for signals and end the process after a time.
void start_threads(Server& server);
// Records the end and ends, without any clean-up.
[[noreturn]] void finish(const Recorder& recorder, int status);

}  // namespace fake_model
