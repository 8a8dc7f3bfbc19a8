#include "app/file_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace llama_swap::app {

namespace fs = std::filesystem;

namespace {

std::vector<fs::path> places_of(const config::Sources& sources) {
  std::vector<fs::path> places;
  if (sources.file) places.push_back(*sources.file);
  if (sources.dir) places.push_back(*sources.dir / "any");
  return places;
}

FileWatch::Files files_of(const config::Sources& sources) {
  return [sources] { return config::list_sources(sources).value_or(std::vector<fs::path>{}); };
}

}  // namespace

FileWatch::FileWatch(net::Loop& loop, const config::Sources& sources, std::function<void()> changed)
    : FileWatch(loop, files_of(sources), places_of(sources), std::move(changed)) {}

FileWatch::FileWatch(net::Loop& loop, Files files, std::vector<fs::path> places,
                     std::function<void()> changed)
    : files_(std::move(files)),
      places_(std::move(places)),
      changed_(std::move(changed)),
      period_(loop),
      quiet_(loop),
      inotify_(loop),
      stamps_(stamps()),
      known_(texts()) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd >= 0) {
    inotify_.assign(fd);
    watch_directories();
    listen();
  }
  poll();
}

void FileWatch::stop() {
  period_.cancel();
  quiet_.cancel();
  boost::system::error_code ignored;
  inotify_.close(ignored);
}

FileWatch::Stamps FileWatch::stamps() const {
  Stamps out;
  for (const fs::path& file : files_()) {
    struct stat info {};
    if (::stat(file.c_str(), &info) == 0)
      out[file.string()] = {info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec,
                            info.st_size};
  }
  return out;
}

FileWatch::Texts FileWatch::texts() const {
  Texts out;
  for (const fs::path& file : files_()) {
    std::ifstream in(file, std::ios::binary);
    if (in) out[file.string()] = {std::istreambuf_iterator<char>(in), {}};
  }
  return out;
}

void FileWatch::poll() {
  period_.expires_after(kPeriod);
  period_.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;
    if (Stamps now = stamps(); now != stamps_) {
      stamps_ = std::move(now);
      settle();
    }
    poll();
  });
}

// The directories, as files are replaced as often as written. Of links also the one they lead to.
void FileWatch::watch_directories() {
  std::set<fs::path> directories;
  const auto add = [&directories](const fs::path& path) {
    std::error_code ignored;
    directories.insert(path.has_parent_path() ? path.parent_path() : ".");
    directories.insert(fs::weakly_canonical(path, ignored).parent_path());
  };
  for (const fs::path& place : places_) add(place);
  for (const auto& [file, stamp] : stamps_) add(file);
  for (const fs::path& directory : directories)
    ::inotify_add_watch(inotify_.native_handle(), directory.c_str(),
                        IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE);
}

void FileWatch::listen() {
  inotify_.async_read_some(boost::asio::buffer(events_),
                           [this](const boost::system::error_code& ec, std::size_t) {
                             if (ec) return;
                             settle();
                             listen();
                           });
}

// Waits until the files stay as they are, then says so if they differ from what was known. Each new
// sign begins the wait anew.
void FileWatch::settle() {
  seen_ = texts();
  quiet_.expires_after(kQuiet);
  quiet_.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;
    Texts now = texts();
    if (now != seen_) return settle();
    stamps_ = stamps();
    if (inotify_.is_open()) watch_directories();
    // A file that is gone, or a directory that is empty, may be in the middle of being replaced:
    // its coming back counts.
    if (now.empty() || now == known_) return;
    known_ = std::move(now);
    changed_();
  });
}

}  // namespace llama_swap::app
