// What the tests of TLS share: certificates of their own, in files.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "../tests/support/loop_thread.h"
#include "../tests/support/tls.h"

namespace llama_swap::net {

using test::Acceptor;
using test::CertificateFiles;
using test::Socket;
using test::TlsSocket;

inline void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}
inline std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}
// By a new file in its place: time stamps may be too coarse for a test.
inline void replace_file(const std::string& path, const std::string& text) {
  write_file(path + ".new", text);
  ASSERT_EQ(::rename((path + ".new").c_str(), path.c_str()), 0);
}

class Tls : public testing::Test {
 protected:
  // OpenSSL's own sockets, on the test's side, raise it.
  static void SetUpTestSuite() { ::signal(SIGPIPE, SIG_IGN); }

  test::Certificates certificates_;
};

}  // namespace llama_swap::net
