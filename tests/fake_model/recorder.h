// What happened, as JSON lines appended to a file: {"ev":…,"t":<Unix seconds>,"tag":…,"pid":…, …}.
// One write per line, so several processes may share a file. Any thread. Does nothing without a
// file.
#pragma once

#include <string>
#include <vector>

#include "json.h"

namespace fake_model {

class Recorder {
 public:
  Recorder() = default;
  Recorder(const std::string& file, std::string tag);

  bool on() const { return fd_ >= 0; }
  void write(std::string_view event, const Fields& fields = {}) const;
  // Everything about this process that a test may want to know: arguments, environment, ids,
  // descriptors.
  void start(const std::vector<std::string>& arguments,
             const std::vector<std::string>& descriptors) const;

 private:
  int fd_ = -1;  // lives as long as the process
  std::string tag_;
};

// The descriptors that are open now, as JSON ["number","target"].
std::vector<std::string> open_descriptors();

}  // namespace fake_model
