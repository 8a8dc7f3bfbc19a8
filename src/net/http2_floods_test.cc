// What HTTP/2 lets a client do at no cost (net/http2_guard.h, docs/http2.md).
#include <gtest/gtest.h>

#include "../tests/support/http2_server.h"

namespace llama_swap::test {
namespace {

// A field of 4033 bytes for the table, and how often a head refers to it.
std::string large_entry() {
  return std::string(
             "\x40\x01"
             "a\x7f\xa1\x1e",
             6) +
         std::string(4000, 'b');
}
std::string references(std::size_t times) {
  return std::string(times, '\xbe');
}

TEST_F(Http2Server, FloodsEndTheConnectionTable) {
  start();
  const auto headers = [](std::int32_t id) {
    return frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, id,
                 get_block("/wait"));
  };
  std::string rapid_reset, provoked_reset,
      empty_data = frame(NGHTTP2_HEADERS, 4, 1, get_block("/wait"));
  for (std::int32_t id = 1; id < 4000; id += 2) {
    rapid_reset += headers(id) + frame(NGHTTP2_RST_STREAM, 0, id, std::string("\0\0\0\x08", 4));
    provoked_reset += headers(id) + frame(NGHTTP2_WINDOW_UPDATE, 0, id, "\x7f\xff\xff\xff");
  }
  const auto many = [](const std::string& one, int n) {
    std::string all;
    for (int i = 0; i < n; ++i) all += one;
    return all;
  };
  constexpr std::uint8_t kAll = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;
  std::string bombs = frame(NGHTTP2_HEADERS, kAll, 1, get_block("/a") + large_entry());
  std::string trailer_bombs = bombs;
  for (std::int32_t id = 3; id < 50; id += 2) {
    bombs += frame(NGHTTP2_HEADERS, kAll, id, get_block("/a") + references(10'000));
    trailer_bombs += frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, id, get_block("/wait")) +
                     frame(NGHTTP2_HEADERS, kAll, id, references(10'000));
  }
  empty_data += many(frame(NGHTTP2_DATA, 0, 1), 2000);
  const struct {
    const char* name;
    std::string bytes;
  } cases[] = {
      {"CVE-2023-44487 rapid reset", rapid_reset},
      {"CVE-2025-8671 provoked resets", provoked_reset},
      {"CVE-2019-9518 empty frames", empty_data},
      {"CVE-2016-6581 header bombs", bombs},
      {"CVE-2016-6581 bombs of trailers", trailer_bombs},
      {"CVE-2019-9512 ping", many(frame(NGHTTP2_PING, 0, 0, "12345678"), 2000)},
      {"CVE-2019-9515 settings", many(frame(NGHTTP2_SETTINGS, 0, 0), 2000)},
      {"CVE-2019-9513 priorities",
       many(frame(NGHTTP2_PRIORITY, 0, 3, std::string("\0\0\0\x01\x10", 5)), 2000)},
      {"window updates",
       many(frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\0\0\0\x01", 4)), 20000)},
  };
  for (const auto& c : cases) {
    Socket socket = connect_raw();
    socket.send(c.bytes);
    EXPECT_EQ(goaway_error(socket), NGHTTP2_ENHANCE_YOUR_CALM) << c.name;
    EXPECT_TRUE(socket.ended()) << c.name;
    socket.close();
    wait_for([&] { return open() == 0; });
    EXPECT_EQ(seen_.begun, seen_.ended) << c.name;
  }
}

TEST_F(Http2Server, ContinuationFloodEndsTheConnection) {  // CVE-2024-28182
  start();
  Socket socket = connect_raw();
  socket.send(frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, get_block()));
  for (int i = 0; i < 100; ++i) socket.send(frame(NGHTTP2_CONTINUATION, 0, 1, ""));
  socket.read_all();
  EXPECT_TRUE(socket.ended());
  EXPECT_EQ(seen_.begun, 0);
}

// CVE-2016-6581: one entry of the table, referred to ever again.
TEST_F(Http2Server, HeaderBombIsResetAndTheTableStaysInStep) {
  start();
  constexpr std::uint8_t kAll = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;
  Socket socket = connect_raw();
  socket.send(frame(NGHTTP2_HEADERS, kAll, 1, get_block() + large_entry() + references(20)));
  EXPECT_NE(socket.read_until("head too large").find("431 "), std::string::npos);
  socket.take();
  // Its last field, a :path for the table, is not looked at, and can be referred to.
  const std::string bomb = get_block() + references(10'000) + "\x44\x02/b";
  socket.send(frame(NGHTTP2_HEADERS, kAll, 3, bomb));
  const std::string reset =
      frame(NGHTTP2_RST_STREAM, 0, 3, std::string("\0\0\0\x0b", 4));  // ENHANCE_YOUR_CALM
  EXPECT_NE(socket.read_until(reset).find(reset), std::string::npos);
  EXPECT_EQ(seen_.begun, 0);
  socket.send(frame(NGHTTP2_HEADERS, kAll, 5, "\x82\x86\xbe\x01\x01x"));
  const std::string answer = "HTTP/2.0 GET /b 0:";
  EXPECT_NE(socket.read_until(answer).find(answer), std::string::npos);
}

// Each is answered: what they cost together is what counts.
TEST_F(Http2Server, LargeHeadsWithoutEndEndTheConnection) {
  start();
  constexpr std::uint8_t kAll = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;
  Socket socket = connect_raw();
  socket.send(frame(NGHTTP2_HEADERS, kAll, 1, get_block("/silent") + large_entry()));
  std::int32_t id = 1;
  bool answered = true;
  for (int batch = 0; batch < 20 && answered; ++batch) {
    for (int i = 0; i < 100; ++i)
      socket.send(frame(NGHTTP2_HEADERS, kAll, id += 2, get_block("/silent") + references(15)));
    const std::string last_answer = frame(NGHTTP2_HEADERS, kAll, id).substr(3);
    answered = socket.read_until(last_answer).find(last_answer) != std::string::npos;
    EXPECT_TRUE(answered || batch > 0) << "the first hundred are in order";
  }
  EXPECT_EQ(goaway_error(socket), NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2Server, StreamsBeyondTheBoundAreRefused) {
  ServerLimits limits;
  limits.max_streams = 5;
  start(limits);
  Http2Client client(connect());
  ASSERT_TRUE(client.until([&] {
    return nghttp2_session_get_remote_settings(client.native(),
                                               NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) == 5;
  }));
  std::vector<Answer*> waiting;
  for (int i = 0; i < 5; ++i) waiting.push_back(&client.request("GET", "/wait"));
  Answer& sixth = client.request("GET", "/a");  // nghttp2 keeps it back
  ASSERT_TRUE(client.until([&] { return seen_.begun == 5; }));
  EXPECT_EQ(sixth.status, 0);
  client.reset(*waiting[0]);
  ASSERT_TRUE(client.until_closed(sixth));
  EXPECT_EQ(sixth.status, 200);
}

}  // namespace
}  // namespace llama_swap::test
