#include "process/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "process/shim_protocol.h"

namespace llama_swap::process {
namespace {

// A shim says hello, and goes when there is nothing to do and nobody to talk to.
void expect_working(const ShimImage& image) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const auto pid = spawn_shim(image, ends[1], "m");
  ::close(ends[1]);
  ASSERT_TRUE(pid) << pid.error().message;
  std::array<char, 64> frame{};
  ASSERT_GT(::read(ends[0], frame.data(), frame.size()), 0);
  EXPECT_EQ(frame[4], static_cast<char>(shim::Type::hello));
  ::close(ends[0]);
  int status = -1;
  EXPECT_EQ(::waitpid(*pid, &status, 0), *pid);
  EXPECT_EQ(status, 0);
}

TEST(Spawn, FromMemory) {
  const auto image = ShimImage::in_memory();
  ASSERT_TRUE(image) << image.error().message;
  expect_working(*image);
  EXPECT_LT(::write(image->fd(), "x", 1), 0) << "the program can be changed";
}

TEST(Spawn, FromATemporaryFile) {
  const auto image = ShimImage::in_temporary_file();
  ASSERT_TRUE(image) << image.error().message;
  expect_working(*image);
}

TEST(Spawn, FailureIsAnError) {
  auto image = ShimImage::in_memory();
  ASSERT_TRUE(image);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::dup2(null, image->fd()), image->fd());
  ::close(null);
  const auto pid = spawn_shim(*image, 0, "m");
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().message, "shim: Permission denied");
}

TEST(Spawn, EnvironmentIsOursWithTheEntriesOnTop) {
  ::setenv("SPAWN_TEST_A", "ours", 1);
  ::setenv("SPAWN_TEST_B", "ours", 1);
  const auto merged = merged_environment({"SPAWN_TEST_B=1", "SPAWN_TEST_C=x=y", "SPAWN_TEST_B=2"});
  const auto has = [&](const char* entry) {
    return std::count(merged.begin(), merged.end(), entry);
  };
  EXPECT_EQ(has("SPAWN_TEST_A=ours"), 1);
  EXPECT_EQ(has("SPAWN_TEST_B=2"), 1);
  EXPECT_EQ(has("SPAWN_TEST_B=ours") + has("SPAWN_TEST_B=1"), 0);
  EXPECT_EQ(has("SPAWN_TEST_C=x=y"), 1);
}

}  // namespace
}  // namespace llama_swap::process
