#include "net/listener.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "../tests/support/loop_thread.h"

namespace llama_swap::net {
namespace {

class Listening : public testing::Test {
 protected:
  static Awaitable<void> ignore(Exchange&) { co_return; }
  void TearDown() override {
    loop_.on_loop([&] { listener_.reset(); });
    std::filesystem::remove(path_);
  }
  util::Result<std::unique_ptr<Listener>> open_file() {
    return loop_.on_loop([&] { return Listener::open(loop_.loop, "unix:" + path_); });
  }

  test::LoopThread loop_;
  ConnectionSet connections_{loop_.loop, loop_.wheel, ignore, ServerLimits{}};
  std::unique_ptr<Listener> listener_;
  const std::string path_ = testing::TempDir() + "listener_test." + std::to_string(::getpid());
};

TEST_F(Listening, SocketThatStopsListeningHoldsUpNobody) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::listen(fd, 1), 0);
  loop_.on_loop([&] {
    listener_ = std::move(*Listener::adopt(loop_.loop, fd));
    listener_->start(connections_);
    ::shutdown(fd, SHUT_RDWR);  // accepting fails with EINVAL from now on
  });
  // Through the poll that reports it.
  for (int i = 0; i < 3; ++i) loop_.on_loop([] {});
  EXPECT_EQ(loop_.on_loop([] { return 1; }), 1);
}

TEST_F(Listening, SocketFileIsForOwnerAndGroup) {
  const mode_t before = ::umask(0077);
  listener_ = std::move(*open_file());
  ::umask(before);
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660U);
}

TEST_F(Listening, SocketFileOfAnotherStays) {
  listener_ = std::move(*open_file());
  std::filesystem::remove(path_);
  auto other = open_file();
  ASSERT_TRUE(other);
  loop_.on_loop([&] { listener_->close(); });
  EXPECT_TRUE(std::filesystem::exists(path_));
  loop_.on_loop([&] { (*other)->close(); });
  EXPECT_FALSE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace llama_swap::net
