// Linux: bringing a shim to life. Its program is carried in our own binary and run from a sealed
// memory file, so there is nothing to install and nothing on disk that could go missing or be
// changed.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "util/result.h"

namespace llama_swap::process {

// The shim's program, ready to be executed: an open memory file, or an unlinked temporary file
// where memory files are missing or may not be executed.
class ShimImage {
 public:
  static util::Result<ShimImage> in_memory();
  static util::Result<ShimImage> in_temporary_file();
  ShimImage(ShimImage&& other) noexcept;
  ShimImage& operator=(ShimImage&& other) noexcept;
  ~ShimImage();

  int fd() const { return fd_; }

 private:
  explicit ShimImage(int fd) : fd_(fd) {}
  int fd_;
};

// Starts a shim whose end of the conversation is `socket` (still the caller's to close). `label`
// shows in process lists. Returns when it runs or has proved not to. The caller must reap it.
util::Result<pid_t> spawn_shim(const ShimImage& image, int socket, const std::string& label);

// The environment of this process with `entries` (NAME=value) on top: a later entry of a name
// replaces an earlier one in place.
std::vector<std::string> merged_environment(const std::vector<std::string>& entries);

}  // namespace llama_swap::process
