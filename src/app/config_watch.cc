#include "app/config_watch.h"

#include <sys/stat.h>

namespace llama_swap::app {
namespace {

constexpr std::chrono::seconds kPeriod{2};

}  // namespace

ConfigWatch::ConfigWatch(net::Loop& loop, config::Sources sources, std::function<void()> changed)
    : sources_(std::move(sources)), changed_(std::move(changed)), timer_(loop), last_(look()) {
  wait();
}

ConfigWatch::Snapshot ConfigWatch::look() const {
  Snapshot seen;
  const auto files = config::list_sources(sources_);
  if (!files) return seen;
  for (const auto& file : *files) {
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0)
      seen[file.string()] = {info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec,
                             info.st_size};
  }
  return seen;
}

void ConfigWatch::wait() {
  timer_.expires_after(kPeriod);
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;
    Snapshot now = look();
    // A file that is gone, or a directory that is empty, may be in the middle of being replaced:
    // its coming back counts.
    if (!now.empty() && now != last_) {
      last_ = std::move(now);
      changed_();
    }
    wait();
  });
}

}  // namespace llama_swap::app
