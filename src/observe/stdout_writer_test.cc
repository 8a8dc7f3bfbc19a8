#include "observe/stdout_writer.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace llama_swap::observe {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  int in = -1;   // the reader's
  int out = -1;  // the writer's
  Pipe() {
    int ends[2];
    if (pipe(ends) == 0) in = ends[0], out = ends[1];
    signal(SIGPIPE, SIG_IGN);
  }
  ~Pipe() {
    if (in >= 0) close(in);
    close(out);
  }
  // Everything up to and including `last`.
  std::string read_until(std::string_view last) const {
    std::string got;
    char piece[65536];
    while (got.find(last) == std::string::npos) {
      const ssize_t n = read(in, piece, sizeof piece);
      if (n <= 0) break;
      got.append(piece, static_cast<std::size_t>(n));
    }
    return got;
  }
};

TEST(StdoutWriter, WritesInOrder) {
  Pipe pipe;
  StdoutWriter writer(pipe.out);
  std::string want;
  for (int i = 0; i < 1000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    writer.write(line);
    want += line;
  }
  writer.write("end\n");
  EXPECT_EQ(pipe.read_until("end\n"), want + "end\n");
  EXPECT_TRUE(writer.flush(10s));
}

TEST(StdoutWriter, StalledReaderCostsTextNotTime) {
  Pipe pipe;
  StdoutWriter writer(pipe.out);
  const std::string line(1023, 'x');
  for (int i = 0; i < 4096; ++i) writer.write(line + "\n");  // 4 MiB: more than pipe and queue hold
  EXPECT_FALSE(writer.flush(1ms));
  // What was queued comes out; before the next text that finds room, the loss is named.
  const std::string first = pipe.read_until("\n");
  EXPECT_EQ(first.substr(0, 1024), line + "\n");
  std::string rest;
  while (!writer.flush(0ms)) {
    char piece[65536];
    const ssize_t n = read(pipe.in, piece, sizeof piece);
    ASSERT_GT(n, 0);
    rest.append(piece, static_cast<std::size_t>(n));
    if (rest.size() > 3 * StdoutWriter::kMaxQueued) break;
  }
  writer.write("after\n");
  rest += pipe.read_until("after\n");
  EXPECT_NE(rest.find(" bytes dropped —\n"), std::string::npos);
  EXPECT_LT(rest.size(), std::size_t{4} << 20);
}

TEST(StdoutWriter, ClosedReaderIsRemembered) {
  Pipe pipe;
  close(pipe.in);
  pipe.in = -1;
  StdoutWriter writer(pipe.out);
  writer.write("nobody reads this\n");
  EXPECT_TRUE(writer.flush(10s));
  EXPECT_TRUE(writer.closed());
  writer.write("nor this\n");
  EXPECT_TRUE(writer.flush(0ms));
}

TEST(StdoutWriter, BadDescriptorIsRemembered) {
  StdoutWriter writer(-1);
  writer.write("x");
  EXPECT_TRUE(writer.flush(10s));
  EXPECT_TRUE(writer.closed());
}

TEST(StdoutWriter, NonBlockingDescriptor) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  {
    StdoutWriter writer(ends[0]);
    const std::string text(900'000, 'y');  // more than the socket takes at once
    writer.write(text);
    std::size_t got = 0;
    char piece[65536];
    while (got < text.size()) {
      const ssize_t n = recv(ends[1], piece, sizeof piece, 0);
      if (n > 0) got += static_cast<std::size_t>(n);
    }
    EXPECT_TRUE(writer.flush(10s));
  }
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace llama_swap::observe
