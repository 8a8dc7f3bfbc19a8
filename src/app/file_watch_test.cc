#include "app/file_watch.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace llama_swap::app {
namespace {

namespace fs = std::filesystem;

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() {
    std::string pattern = (fs::temp_directory_path() / "file-watch-XXXXXX").string();
    home_ = ::mkdtemp(pattern.data());
  }
  ~FileWatchTest() override { fs::remove_all(home_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(home_ / name) << text;
  }
  void watch(std::optional<fs::path> file, std::optional<fs::path> dir = {}) {
    watch_.emplace(loop_, config::Sources{std::move(file), std::move(dir)}, [this] {
      ++changes_;
      loop_.stop();
    });
  }
  // Runs the loop until the next change is noticed.
  bool noticed() {
    const int before = changes_;
    loop_.restart();
    loop_.run_for(std::chrono::seconds(10));
    return changes_ == before + 1;
  }

  fs::path home_;
  net::Loop loop_;
  std::optional<FileWatch> watch_;
  int changes_ = 0;
};

TEST_F(FileWatchTest, WrittenInPlaceAndReplaced) {
  write("c.yaml", "a: 1\n");
  watch(home_ / "c.yaml");
  write("c.yaml", "a: 2\n");
  EXPECT_TRUE(noticed());
  write("new", "a: 3\n");
  fs::rename(home_ / "new", home_ / "c.yaml");
  EXPECT_TRUE(noticed());
  fs::remove(home_ / "c.yaml");
  write("c.yaml", "a: 4\n");
  EXPECT_TRUE(noticed());
}

// As Kubernetes replaces a ConfigMap: c.yaml -> data/c.yaml, data -> one, then two.
TEST_F(FileWatchTest, BehindLinks) {
  for (const char* version : {"one", "two"}) {
    fs::create_directory(home_ / version);
    write(std::string(version) + "/c.yaml", version);
  }
  fs::create_directory_symlink("one", home_ / "data");
  fs::create_symlink("data/c.yaml", home_ / "c.yaml");
  watch(home_ / "c.yaml");
  fs::create_directory_symlink("two", home_ / "next");
  fs::rename(home_ / "next", home_ / "data");
  EXPECT_TRUE(noticed());
  write("two/c.yaml", "three");
  EXPECT_TRUE(noticed()) << "in the directory that the link leads to by now";
}

TEST_F(FileWatchTest, FilesOfADirectory) {
  write("a.yaml", "a: 1\n");
  watch({}, home_);
  write("b.yml", "b: 1\n");
  EXPECT_TRUE(noticed());
  fs::remove(home_ / "a.yaml");
  EXPECT_TRUE(noticed());
}

// Several changes at once are one; what changes nothing is none.
TEST_F(FileWatchTest, OnlyTheTextCounts) {
  write("c.yaml", "a: 1\n");
  watch(home_ / "c.yaml");
  fs::last_write_time(home_ / "c.yaml", fs::file_time_type::clock::now());
  write("c.yaml", "a: 1\n");
  write("notes.txt", "x");
  loop_.run_for(FileWatch::kQuiet * 3);
  EXPECT_EQ(changes_, 0);
  for (int i = 2; i < 9; ++i) write("c.yaml", "a: " + std::to_string(i) + "\n");
  EXPECT_TRUE(noticed());
  loop_.restart();
  loop_.run_for(FileWatch::kQuiet * 3);
  EXPECT_EQ(changes_, 1);
}

}  // namespace
}  // namespace llama_swap::app
