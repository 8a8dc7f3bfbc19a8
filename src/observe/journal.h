// What the journal of systemd reads of a line: its priority, as "<N>" in front (sd-daemon(3)).
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "config/config.h"

namespace llama_swap::observe {

// Is this file the journal? `journal_stream` is the value of JOURNAL_STREAM (systemd.exec(5)):
// device and inode, in decimal digits.
bool is_journal(std::string_view journal_stream, dev_t device, ino_t inode);
// The same of an open descriptor, with the environment of the process.
bool is_journal(int fd);

// Appends `text` with the priority in front of each line that begins in it; `at_line_start`: the
// first one does.
void append_with_priority(std::string& out, config::LogLevel level, std::string_view text,
                          bool at_line_start = true);

}  // namespace llama_swap::observe
