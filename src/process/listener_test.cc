#include "process/listener.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "process/sock_diag.h"

namespace llama_swap::process {
namespace {

namespace ip = boost::asio::ip;

Endpoint at(const char* address, std::uint16_t port) {
  return {ip::make_address(address), port};
}

TEST(Listener, ReadsTheKernelsTable) {
  const auto found = parse_listeners(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
      "4711 1 0 100 0 0 10 0\n"
      "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "12 1 0 100 0 0 10 0\n"
      "   2: 0100007F:1F91 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 "
      "13 1 0 20 4 30 10 -1\n"
      "   3: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 "
      "00:00000000 00000000  1000        0 14 1 0 100 0 0 10 0\n"
      "garbage\n\n   4: XY:1F90 0:0 0A 0 0 0 0 0 0 0\n");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].local, at("127.0.0.1", 8080));
  EXPECT_EQ(found[0].inode, 4711u);
  EXPECT_EQ(found[1].local, at("0.0.0.0", 22));
  EXPECT_EQ(found[2].local, at("::1", 8080));
}

TEST(Listener, TheListenersComeFirst) {
  const std::string head = "  sl  local_address rem_address   st tx_queue rx_queue tr inode\n";
  const std::string listening = "   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 1000 0 4711 1\n";
  const std::string open = "   1: 0100007F:1F90 0100007F:9C40 06 0:0 0:0 0 1000 0 13 1\n";
  for (const std::string& text :
       {std::string(), head, head + listening, head + listening + "   1: 01",
        head + listening + open.substr(0, open.size() - 1)})
    EXPECT_FALSE(past_the_listeners(text)) << text;
  for (const std::string& text :
       {head + open, head + listening + open, head + listening + open + open + "  2"})
    EXPECT_TRUE(past_the_listeners(text)) << text;
}

TEST(Listener, WhoTakesAConnection) {
  const std::vector<ListenSocket> all = {
      {at("127.0.0.1", 1), 11}, {at("0.0.0.0", 1), 12},
      {at("::1", 1), 13},       {at("0.0.0.0", 2), 21},
      {at("::", 2), 22},        {at("::", 3), 31},
      {at("192.0.2.1", 4), 41}, {at("::ffff:127.0.0.1", 5), 51},
  };
  struct Case {
    Endpoint to;
    std::vector<std::uint64_t> want;
  };
  const Case cases[] = {
      {at("127.0.0.1", 1), {11}}, {at("127.0.0.2", 1), {12}}, {at("::1", 1), {13}},
      {at("127.0.0.1", 2), {21}}, {at("::1", 2), {22}},       {at("127.0.0.1", 3), {31}},
      {at("127.0.0.1", 4), {}},   {at("127.0.0.1", 5), {51}}, {at("::1", 4), {}},
      {at("127.0.0.1", 6), {}},
  };
  for (const Case& c : cases) {
    std::vector<std::uint64_t> got;
    for (const ListenSocket& socket : accepting(all, c.to)) got.push_back(socket.inode);
    EXPECT_EQ(got, c.want) << c.to;
  }
}

std::uint64_t inode_of(int fd) {
  struct stat status {};
  EXPECT_EQ(::fstat(fd, &status), 0);
  return status.st_ino;
}

// By netlink and by /proc: the same.
TEST(Listener, TheKernelSaysTheSameTwice) {
  for (const char* address : {"127.0.0.1", "0.0.0.0", "::1", "::"}) {
    boost::asio::io_context loop;
    ip::tcp::acceptor acceptor(loop);
    boost::system::error_code no_ipv6;
    acceptor.open(at(address, 0).protocol(), no_ipv6);
    if (!no_ipv6) acceptor.bind(at(address, 0), no_ipv6);
    if (no_ipv6) continue;
    acceptor.listen();
    const Endpoint bound = acceptor.local_endpoint();
    const auto diag = diag_listeners(bound.port());
    if (!diag) GTEST_SKIP() << "no sock_diag here";
    const auto proc = proc_listeners();
    for (const std::vector<ListenSocket>& all : {*diag, proc}) {
      const auto found = accepting(all, bound);
      ASSERT_EQ(found.size(), 1u) << address;
      EXPECT_EQ(found[0].local, bound);
      EXPECT_EQ(found[0].inode, inode_of(acceptor.native_handle())) << address;
    }
    acceptor.close();
    const auto gone = diag_listeners(bound.port());
    ASSERT_TRUE(gone);
    EXPECT_TRUE(accepting(*gone, bound).empty()) << address;
  }
}

TEST(Listener, CommandLine) {
  EXPECT_NE(command_line(::getpid()).find("process_test"), std::string::npos);
}

}  // namespace
}  // namespace llama_swap::process
