// What the daemon and a shim say to each other. The shim (shim_main.cc) is the process between the
// daemon and one model server: sub-reaper of everything the command starts, holder of the output
// pipe and of the stop recipe.
//
// The conversation runs over a stream socket whose shim end is descriptor kSocket. Frames: payload
// size (u32), type (u8), payload. Both ends are on one machine, so numbers are in its byte order. A
// list is a count (u32) and that many strings; a string ends with a NUL. Unknown types are skipped.
//
//   daemon                                   shim
//                                            hello
//   launch                                   started | spawn_failed
//                                            output, dropped                 at any time
//                                            leader_exited, child_exited
//   stop, sweep                              stop_command, killed, stuck
//                                            tree_gone                       the last frame; then
//                                            it exits
//
// End of file is a message too: the daemon is gone (the shim runs the stop recipe with the orphan
// grace), or the shim is (the daemon sweeps what it left).
//
// This header is shared with a program without the C++ library: no allocation, no exceptions,
// nothing to link.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace llama_swap::process::shim {

inline constexpr std::uint32_t kVersion = 1;
inline constexpr int kSocket = 3;
inline constexpr std::size_t kHeaderSize = 5;
inline constexpr std::uint32_t kMaxPayload = 16u << 20;
// How much output waits for a daemon that does not read; beyond it the oldest is dropped.
inline constexpr std::size_t kOutputLimit = 256u << 10;
// How long what outlived the command may take to go after SIGTERM, at most.
inline constexpr std::uint32_t kSweepGraceMs = 500;
// A process that is still there so long after SIGKILL is reported as stuck.
inline constexpr std::uint32_t kStuckAfterMs = 2000;
// How much of what a stop command writes is reported.
inline constexpr std::size_t kStopOutputLimit = 4096;
// Stands for the process id of the command in the arguments of the stop command.
inline constexpr char kPidMark = '\x01';

enum class Type : std::uint8_t {
  // To the shim.
  launch = 1,  // u32 version, u32 orphan grace in ms, u32 flags, list argv, list stop argv (may be
               // empty: SIGTERM),
               // list environment, string PATH for the lookup of argv[0]
  stop,        // u32 grace in ms. Again: only ever shortens it
  sweep,  // u32 grace in ms: like stop, but without a first signal or stop command; for a command
          // that has exited

  // From the shim.
  hello = 32,     // u32 version, u32 flags, u32 errno of the refusal of sub-reaping
  started,        // u32 pid
  spawn_failed,   // u32 errno, u32 Step
  output,         // bytes
  dropped,        // u64 bytes of output dropped at this place
  leader_exited,  // u32 wait status, u32 number of live descendants
  child_exited,   // u32 pid of a descendant that outlived the command
  stop_command,   // u32 errno (it could not be run), u32 wait status, bytes: the end of its output
  killed,         // u32 number of processes that needed SIGKILL
  stuck,          // u32 pid, ...: not gone kStuckAfterMs after SIGKILL
  tree_gone,      // nothing of the tree is left
};

// Flags of launch.
inline constexpr std::uint32_t kGroupOnly =
    1;  // leave alone what left the process group (stopScope: group)
// Flags of hello.
inline constexpr std::uint32_t kSubreaper = 1;
inline constexpr std::uint32_t kProcFs = 2;

enum class Step : std::uint32_t { lookup = 1, pipe, fork, exec };

// Takes a payload apart. After the first failure everything fails.
class Reader {
 public:
  Reader(const char* data, std::size_t size) : at_(data), end_(data + size) {}

  std::uint32_t u32() { return number<std::uint32_t>(); }
  std::uint64_t u64() { return number<std::uint64_t>(); }
  // Up to and including the NUL; lives as long as the payload. Null when there is none.
  const char* string() {
    const void* nul = ok_ ? std::memchr(at_, 0, left()) : nullptr;
    if (nul == nullptr) {
      ok_ = false;
      return nullptr;
    }
    const char* text = at_;
    at_ = static_cast<const char*>(nul) + 1;
    return text;
  }
  const char* rest() const { return at_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool ok() const { return ok_; }

 private:
  template <class T>
  T number() {
    T value = 0;
    if (!ok_ || left() < sizeof value) {
      ok_ = false;
      return 0;
    }
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

inline void put_header(char* out, Type type, std::uint32_t payload_size) {
  std::memcpy(out, &payload_size, sizeof payload_size);
  out[4] = static_cast<char>(type);
}

}  // namespace llama_swap::process::shim
