#include "config/sources.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "config/yaml_tree.h"

namespace llama_swap::config {
namespace {

namespace fs = std::filesystem;
using util::Errc;

bool is_yaml_name(const std::string& name) {
  return name.ends_with(".yml") || name.ends_with(".yaml");
}

// As the original compares paths: absolute and clean, symbolic links left alone.
std::string absolute_text(const fs::path& path) {
  return fs::absolute(path).lexically_normal().string();
}

util::Result<std::vector<fs::path>> list_directory(const fs::path& directory) {
  std::error_code error;
  fs::directory_iterator entries(directory, error);
  const auto failed = [&] {
    return util::fail(
        Errc::io, fmt::format("cannot read directory {}: {}", directory.string(), error.message()));
  };
  if (error) return failed();
  std::vector<fs::path> files;
  while (entries != fs::directory_iterator()) {
    const fs::path& path = entries->path();
    std::error_code ignored;
    // A link to a directory counts as a file, and is then refused as unreadable.
    if (is_yaml_name(path.filename().string()) &&
        !fs::is_directory(entries->symlink_status(ignored)))
      files.push_back(path.lexically_normal());
    entries.increment(error);
    if (error) return failed();
  }
  std::ranges::sort(files, {}, [](const fs::path& path) { return path.string(); });
  return files;
}

}  // namespace

EnvLookup process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
}

util::Result<std::vector<fs::path>> list_sources(const Sources& sources) {
  if (!sources.file && !sources.dir)
    return util::fail(Errc::invalid, "at least one of -config or -config-dir must be provided");
  std::vector<fs::path> files;
  if (sources.file) files.push_back(*sources.file);
  if (!sources.dir) return files;

  const auto listed = list_directory(*sources.dir);
  if (!listed) return tl::unexpected(listed.error());
  for (const fs::path& path : *listed) {
    if (sources.file && absolute_text(path) == absolute_text(*sources.file)) {
      return util::fail(
          Errc::conflict,
          fmt::format("-config {} is present in -config-dir {}, too (as {}): give it only once",
                      sources.file->string(), sources.dir->string(), path.string()));
    }
    files.push_back(path);
  }
  if (files.empty()) {
    return util::fail(
        Errc::not_found,
        fmt::format("no sources: no .yml or .yaml file in directory {}", sources.dir->string()));
  }
  return files;
}

util::Result<std::string> read_file(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return util::fail_errno(errno, "cannot read");
  std::string text;
  std::array<char, 1 << 16> piece;
  for (;;) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      const int error = errno;
      ::close(file);
      if (got < 0) return util::fail_errno(error, "cannot read");
      return text;
    }
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > kMaxTextBytes) {  // a device, or not a configuration at all
      ::close(file);
      return util::fail(Errc::too_large, fmt::format("longer than {} MiB", kMaxTextBytes >> 20));
    }
  }
}

ReadFiles read_files(const std::vector<fs::path>& files) {
  ReadFiles out;
  for (const fs::path& path : files) {
    auto text = read_file(path);
    if (!text) {
      Problem problem;
      problem.file = path.string();
      problem.message = text.error().message;
      out.problems.push_back(std::move(problem));
    }
    out.sources.push_back({path.string(), text.value_or("")});
  }
  return out;
}

}  // namespace llama_swap::config
