#include "process/shim_outbox.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace llama_swap::process::shim {
namespace {

class OutboxTest : public testing::Test {
 protected:
  OutboxTest() { EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0); }
  ~OutboxTest() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  // Sends and receives until the outbox is empty. A line per frame: its type, the size of output,
  // the number in it.
  std::vector<std::string> received() {
    std::string bytes;
    do {
      EXPECT_TRUE(outbox_.flush(ends_[0]));
      std::array<char, 65536> buffer;
      for (ssize_t got; (got = ::recv(ends_[1], buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0;) {
        bytes.append(buffer.data(), static_cast<std::size_t>(got));
      }
    } while (!outbox_.empty());
    std::vector<std::string> out;
    for (std::size_t at = 0; at < bytes.size();) {
      std::uint32_t size = 0;
      std::memcpy(&size, bytes.data() + at, sizeof size);
      Reader reader(bytes.data() + at + kHeaderSize, size);
      const auto type = static_cast<Type>(bytes[at + 4]);
      if (type == Type::output) out.push_back("output " + std::to_string(size));
      if (type == Type::dropped) out.push_back("dropped " + std::to_string(reader.u64()));
      if (type == Type::started) out.push_back("started " + std::to_string(reader.u32()));
      at += kHeaderSize + size;
    }
    return out;
  }
  void add_output(std::size_t size) {
    const std::string text(size, 'x');
    outbox_.add_output(text.data(), text.size());
  }

  Outbox outbox_;
  std::array<int, 2> ends_{};
};

using Lines = std::vector<std::string>;

TEST_F(OutboxTest, KeepsTheOrderAndJoinsSmallOutput) {
  add_output(1);
  add_output(2);
  outbox_.add_numbers(Type::started, 7);
  add_output(4);
  EXPECT_EQ(received(), (Lines{"output 3", "started 7", "output 4"}));
}

TEST_F(OutboxTest, DropsTheOldestOutputOnly) {
  add_output(10);
  outbox_.add_numbers(Type::started, 1);
  add_output(kOutputLimit);
  outbox_.add_numbers(Type::started, 2);
  const Lines lines = received();
  ASSERT_EQ(lines.size(), 2 + 1 + kOutputLimit / 16384);
  EXPECT_EQ(lines[0], "dropped 10");
  EXPECT_EQ(lines[1], "started 1");
  EXPECT_EQ(lines[2], "output 16384");
  EXPECT_EQ(lines.back(), "started 2");
}

TEST_F(OutboxTest, CountsWhatIsDroppedTogether) {
  add_output(3 * kOutputLimit);
  const Lines lines = received();
  EXPECT_EQ(lines.front(), "dropped " + std::to_string(2 * kOutputLimit));
  EXPECT_EQ(lines.size(), 1 + kOutputLimit / 16384);
}

TEST_F(OutboxTest, AFrameHalfSentIsFinished) {
  const int small = 4096;
  ::setsockopt(ends_[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  add_output(kOutputLimit);
  EXPECT_TRUE(outbox_.flush(ends_[0]));
  ASSERT_FALSE(outbox_.empty());
  add_output(2 * kOutputLimit);
  std::size_t total = 0;
  for (const std::string& line : received()) total += std::stoul(line.substr(line.find(' ')));
  EXPECT_EQ(total, 3 * kOutputLimit);
}

TEST_F(OutboxTest, SaysWhenNobodyIsThere) {
  ::close(ends_[1]);
  add_output(1);
  EXPECT_FALSE(outbox_.flush(ends_[0]));
  ends_[1] = ::dup(ends_[0]);
}

}  // namespace
}  // namespace llama_swap::process::shim
