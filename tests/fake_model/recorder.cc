#include "recorder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

extern char** environ;

namespace fake_model {

Recorder::Recorder(const std::string& file, std::string tag) : tag_(std::move(tag)) {
  if (!file.empty()) fd_ = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

void Recorder::write(std::string_view event, const Fields& fields) const {
  if (!on()) return;
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  Fields all{{"ev", json(event)},
             {"t", json(now.count())},
             {"tag", json(tag_)},
             {"pid", json(::getpid())}};
  all.insert(all.end(), fields.begin(), fields.end());
  const std::string line = json_object(all) + "\n";
  // A full disk loses a line of a test's notes; there is nobody to tell.
  [[maybe_unused]] const ssize_t ignored = ::write(fd_, line.data(), line.size());
}

void Recorder::start(const std::vector<std::string>& arguments,
                     const std::vector<std::string>& descriptors) const {
  if (!on()) return;
  Fields env;
  std::vector<std::string> names;  // the fields only point at their names
  for (char** entry = environ; *entry; ++entry) names.emplace_back(*entry);
  for (const std::string& text : names) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos) continue;
    env.emplace_back(std::string_view(text).substr(0, equals), json_bytes(text.substr(equals + 1)));
  }
  std::error_code error;
  write("start", {{"ppid", json(::getppid())},
                  {"pgid", json(::getpgrp())},
                  {"sid", json(::getsid(0))},
                  {"cwd", json(std::filesystem::current_path(error).string())},
                  {"argv", json_texts(arguments)},
                  {"env", json_object(env)},
                  {"fds", json_array(descriptors)}});
}

std::vector<std::string> open_descriptors() {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const std::filesystem::path target = std::filesystem::read_symlink(entry.path(), error);
    // The handle of this very listing is no descriptor that was handed to us.
    if (error || target.string().ends_with("/fd")) continue;
    out.push_back("[" + entry.path().filename().string() + "," + json(target.string()) + "]");
  }
  return out;
}

}  // namespace fake_model
