#include "net/http2_connection.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "../tests/support/http2_server.h"

namespace llama_swap::test {
namespace {

// ---------------------------------------------------------------- requests and answers

TEST_F(Http2Server, AnswersTable) {
  start();
  const struct {
    const char* method;
    const char* path;
    std::string upload;
    int status;
    std::string body;
    const char* length;
  } cases[] = {
      {"GET", "/a?b", "", 200, "HTTP/2.0 GET /a?b 0:", "20"},
      {"POST", "/p", "abc", 200, "HTTP/2.0 POST /p 3:abc", "22"},
      {"HEAD", "/a", "", 200, "", "19"},
      {"GET", "/nocontent", "", 204, "", ""},
      {"GET", "/silent", "", 500, "", "0"},
      {"POST", "/echo", "xyz", 200, "xyz", ""},
  };
  Http2Client client(connect());
  for (const auto& c : cases) {
    Answer& answer = client.request(c.method, c.path, {}, c.upload);
    ASSERT_TRUE(client.until_closed(answer)) << c.path;
    EXPECT_TRUE(answer.ended) << c.path;
    EXPECT_EQ(answer.error, 0U) << c.path;
    EXPECT_EQ(answer.status, c.status) << c.path;
    EXPECT_EQ(answer.body, c.body) << c.path;
    EXPECT_EQ(answer.headers["content-length"], c.length) << c.path;
    EXPECT_EQ(answer.headers.count("date"), 1U) << c.path;
    EXPECT_EQ(answer.headers.count("connection"), 0U) << c.path;
  }
}

TEST_F(Http2Server, ManyStreamsAtOnce) {
  start();
  Http2Client client(connect());
  std::vector<Answer*> answers;
  for (int i = 0; i < 100; ++i)
    answers.push_back(&client.request("POST", "/echo", {}, "begin ", true));
  ASSERT_TRUE(client.until([&] {
    return std::ranges::all_of(answers, [](const Answer* a) { return a->body == "begin "; });
  }));
  for (std::size_t i = 0; i < answers.size(); ++i)
    client.continue_upload(*answers[i], std::to_string(i), false);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_TRUE(client.until_closed(*answers[i]));
    EXPECT_EQ(answers[i]->body, "begin " + std::to_string(i));
  }
}

TEST_F(Http2Server, LargeBodiesBothWays) {
  start();
  Http2Client client(connect());
  std::string body(4 * kMiB, 'a');
  for (std::size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i % 23);
  Answer& answer = client.request("POST", "/echo", {}, body);
  ASSERT_TRUE(client.until_closed(answer));
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.body, body);
}

TEST_F(Http2Server, PrefaceInPieces) {
  start();
  Socket socket = connect();
  for (const char c : kPreface) {
    socket.send({&c, 1});
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  socket.send(frame(NGHTTP2_SETTINGS, 0, 0) +
              frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS, 1,
                    get_block("/a")));
  EXPECT_NE(socket.read_until("HTTP/2.0 GET /a 0:").find("HTTP/2.0 GET /a 0:"), std::string::npos);
}

TEST_F(Http2Server, OnlyThePrefaceIsHttp2) {
  start();
  for (const std::string text :
       {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r!", "PRI * HTTP/2.0\r\nHost: x\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: x\r\n\r\n"}) {
    Socket socket = connect();
    socket.send(text);
    EXPECT_TRUE(socket.read_all().starts_with("HTTP/1.1 505")) << text;
  }
  Socket socket = connect();
  socket.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n" + std::string(kPreface));
  EXPECT_NE(socket.read_all().find("HTTP/1.1 505"), std::string::npos) << "only as the first";
}

TEST_F(Http2Server, ExpectAndInform) {
  start();
  Http2Client client(connect());
  Answer& asks = client.request("POST", "/p", {{"expect", "100-continue"}}, "", true);
  ASSERT_TRUE(client.until([&] { return !asks.informed.empty(); }));
  EXPECT_EQ(asks.informed, std::vector<int>{100});
  client.continue_upload(asks, "abc", false);
  ASSERT_TRUE(client.until_closed(asks));
  EXPECT_EQ(asks.body, "HTTP/2.0 POST /p 3:abc");
  Answer& hinted = client.request("GET", "/inform");
  ASSERT_TRUE(client.until_closed(hinted));
  EXPECT_EQ(hinted.informed, std::vector<int>{103});
  EXPECT_EQ(hinted.status, 200);
}

TEST_F(Http2Server, AbortedAndShortAnswersAreReset) {
  start();
  Http2Client client(connect());
  for (const char* path : {"/abort", "/short"}) {
    Answer& answer = client.request("GET", path);
    ASSERT_TRUE(client.until_closed(answer));
    EXPECT_FALSE(answer.ended);
    EXPECT_EQ(answer.error, std::uint32_t{NGHTTP2_INTERNAL_ERROR});
    EXPECT_EQ(answer.body, "half") << "what was written before still arrives";
  }
}

TEST_F(Http2Server, UnreadBodyEndsWithTheAnswer) {
  start();
  Http2Client client(connect());
  for (int i = 0; i < 12; ++i) {  // more than the window of the connection in all
    Answer& answer = client.request("POST", "/ignore", {}, std::string(kMiB, 'a'), true);
    ASSERT_TRUE(client.until_closed(answer));
    EXPECT_TRUE(answer.ended);
    EXPECT_EQ(answer.error, std::uint32_t{NGHTTP2_NO_ERROR});
    EXPECT_EQ(answer.body, "ok");
  }
}

// Some clients take the reset for a failure.
TEST_F(Http2Server, ShortUnreadBodyIsDrained) {
  start();
  Http2Client client(connect());
  Answer& answer = client.request("POST", "/ignore", {}, std::string(100000, 'a'), true);
  ASSERT_TRUE(client.until([&] { return answer.ended && answer.upload.empty(); }));
  client.continue_upload(answer, std::string(100000, 'a'), false);
  Answer& next = client.request("GET", "/a");
  ASSERT_TRUE(client.until_closed(next));
  EXPECT_TRUE(answer.closed && answer.upload.empty());
  EXPECT_EQ(answer.error, std::uint32_t{NGHTTP2_NO_ERROR});
}

TEST_F(Http2Server, RefusesTable) {
  ServerLimits limits;
  limits.max_body = 100;
  start(limits);
  const struct {
    const char* name;
    Http2Client::Fields fields;
    int status;           // 0: reset
    std::uint32_t error;  // of the reset
  } cases[] = {
      {"head too large", {{"a", std::string(65 << 10, 'b')}}, 431, NGHTTP2_NO_ERROR},
      {"host contradicts", {{"host", "y"}}, 400, NGHTTP2_NO_ERROR},
      {"connection field", {{"connection", "close"}}, 0, NGHTTP2_PROTOCOL_ERROR},
      {"transfer coding", {{"transfer-encoding", "chunked"}}, 0, NGHTTP2_PROTOCOL_ERROR},
      {"upgrade", {{"upgrade", "websocket"}}, 0, NGHTTP2_PROTOCOL_ERROR},
      {"te", {{"te", "gzip"}}, 0, NGHTTP2_PROTOCOL_ERROR},
      {"control character", {{"abc", "d\x01"}}, 0, NGHTTP2_PROTOCOL_ERROR},
      {"length that lies", {{"content-length", "4"}}, 0, NGHTTP2_PROTOCOL_ERROR},
      {"second path", {{":path", "/b"}}, 0, NGHTTP2_PROTOCOL_ERROR},
      {"te: trailers", {{"te", "trailers"}}, 200, NGHTTP2_NO_ERROR},
  };
  for (const auto& c : cases) {
    Http2Client client(connect());
    Answer& answer = client.request("GET", "/a", c.fields);
    client.until_closed(answer);
    EXPECT_EQ(answer.status, c.status) << c.name;
    EXPECT_EQ(answer.error, c.error) << c.name;
    Answer& next = client.request("GET", "/a");
    EXPECT_TRUE(client.until_closed(next)) << c.name << ": the connection lives on";
    EXPECT_EQ(next.status, 200) << c.name;
  }
  Http2Client client(connect());
  Answer& answer = client.request("POST", "/p", {}, std::string(101, 'a'));
  ASSERT_TRUE(client.until_closed(answer));
  EXPECT_EQ(answer.body.substr(0, 16), "HTTP/2.0 POST /p");
  EXPECT_NE(answer.body.find(":error"), std::string::npos);
}

// ---------------------------------------------------------------- flow control

TEST_F(Http2Server, SlowReaderHoldsUpOnlyItsStream) {
  start();
  Http2Client client(connect(), false);
  // So that the connection's window does not hold up the other.
  nghttp2_session_set_local_window_size(client.native(), NGHTTP2_FLAG_NONE, 0, 16 * kMiB);
  Answer& slow = client.request("GET", "/big");
  ASSERT_TRUE(client.until([&] { return slow.received == 65535; })) << "its window";
  for (int i = 0; i < 10; ++i) {
    Answer& quick = client.request("GET", "/a");
    ASSERT_TRUE(client.until_closed(quick));
    EXPECT_EQ(quick.status, 200);
  }
  EXPECT_EQ(slow.received, 65535U);
  std::uint64_t taken = 0;
  ASSERT_TRUE(client.until([&] {
    client.take(slow, slow.received - taken);
    taken = slow.received;
    return slow.closed;
  }));
  EXPECT_EQ(slow.received, 4 * kMiB);
}

TEST_F(Http2Server, BodyComesAsFastAsItIsRead) {
  start();
  Http2Client client(connect());
  Answer& unread = client.request("POST", "/wait", {}, std::string(4 * kMiB, 'a'));
  ASSERT_TRUE(client.until([&] { return unread.upload.size() == 3 * kMiB; }));
  Answer& other = client.request("POST", "/p", {}, std::string(2 * kMiB, 'a'));
  ASSERT_TRUE(client.until_closed(other));
  EXPECT_EQ(other.body.substr(0, 24), "HTTP/2.0 POST /p 2097152");
  EXPECT_EQ(unread.upload.size(), 3 * kMiB) << "no more than its window";
}

TEST_F(Http2Server, ClosedWindowEndsWithTheWriteTimeout) {
  ServerLimits limits;
  limits.write_timeout = std::chrono::seconds(1);
  start(limits);
  Http2Client client(connect(), false);
  Answer& answer = client.request("GET", "/big");
  ASSERT_TRUE(client.until_closed(answer));
  EXPECT_FALSE(answer.ended);
  EXPECT_EQ(answer.error, std::uint32_t{NGHTTP2_CANCEL});
  wait_for([&] { return seen_.ended == 1; });
}

TEST_F(Http2Server, BodyTimeout) {
  ServerLimits limits;
  limits.body_timeout = std::chrono::seconds(1);
  start(limits);
  Http2Client client(connect());
  Answer& answer = client.request("POST", "/p", {}, "half", true);
  ASSERT_TRUE(client.until_closed(answer));
  EXPECT_NE(answer.body.find(":error"), std::string::npos);
}

// ---------------------------------------------------------------- clients that leave, shutdown

TEST_F(Http2Server, ResetReachesTheHandler) {
  start();
  Http2Client client(connect());
  Answer& answer = client.request("GET", "/wait");
  Answer& upload = client.request("POST", "/p", {}, "half", true);
  Answer& stays = client.request("POST", "/echo", {}, "", true);
  ASSERT_TRUE(client.until([&] { return seen_.begun == 3; }));
  client.reset(answer);
  client.reset(upload);
  client.send();
  wait_for([&] { return seen_.gone == 1 && seen_.ended == 2; });
  client.continue_upload(stays, "still here", false);
  ASSERT_TRUE(client.until_closed(stays));
  EXPECT_EQ(stays.body, "still here");
}

TEST_F(Http2Server, EndOfTheConnectionReachesAllHandlers) {
  start();
  Http2Client client(connect());
  for (int i = 0; i < 5; ++i) client.request("GET", "/wait");
  ASSERT_TRUE(client.until([&] { return seen_.begun == 5; }));
  client.socket().close();
  wait_for([&] { return seen_.gone == 5 && open() == 0; });
}

TEST_F(Http2Server, DrainFinishesWhatIsInProgress) {
  start();
  Http2Client client(connect());
  Answer& running = client.request("POST", "/echo", {}, "half, ", true);
  ASSERT_TRUE(client.until([&] { return running.body == "half, "; }));
  std::atomic<bool> empty = false;
  loop_.on_loop([&] {
    connections_->drain();
    connections_->on_empty([&] { empty = true; });
  });
  ASSERT_TRUE(client.until([&] { return client.goaway; }));
  EXPECT_EQ(client.goaway_error, std::uint32_t{NGHTTP2_NO_ERROR});
  EXPECT_EQ(client.last_id, running.id);
  EXPECT_FALSE(empty);
  client.continue_upload(running, "whole", false);
  ASSERT_TRUE(client.until_closed(running));
  EXPECT_EQ(running.body, "half, whole");
  EXPECT_TRUE(client.until_end());
  client.socket().close();
  wait_for([&] { return empty.load(); });
}

TEST_F(Http2Server, DrainEndsIdleConnections) {
  start();
  Http2Client client(connect());
  Answer& answer = client.request("GET", "/a");
  ASSERT_TRUE(client.until_closed(answer));
  loop_.on_loop([&] { connections_->drain(); });
  EXPECT_TRUE(client.until_end());
  EXPECT_TRUE(client.goaway);
}

// Answers that only their client's window holds up, once no handler is at work.
TEST_F(Http2Server, DrainWaitsForNoWindow) {
  start();
  Socket socket = connect();
  socket.send(std::string(kPreface) +
              frame(NGHTTP2_SETTINGS, 0, 0, std::string("\0\x04\0\0\0\0", 6)));
  Socket halfway = connect_raw();  // does not end its request
  constexpr std::uint8_t kAll = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS;
  socket.send(frame(NGHTTP2_HEADERS, kAll, 1, get_block("/a")));
  halfway.send(frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, get_block("/ignore")));
  wait_for([&] { return seen_.ended == 2; });
  const auto began = util::Clock::now();
  loop_.on_loop([&] { connections_->drain(); });
  const std::string all = socket.read_all();
  EXPECT_TRUE(socket.ended());
  EXPECT_NE(all.find(frame(NGHTTP2_RST_STREAM, 0, 1, std::string("\0\0\0\x08", 4))),
            std::string::npos)
      << "CANCEL";
  wait_for([&] { return open() == 0; });
  EXPECT_LT(util::Clock::now() - began, std::chrono::seconds(7));
}

TEST_F(Http2Server, IdleTimeoutEndsWithGoaway) {
  ServerLimits limits;
  limits.idle_timeout = std::chrono::seconds(1);
  start(limits);
  Http2Client client(connect());
  Answer& answer = client.request("GET", "/a");
  ASSERT_TRUE(client.until_closed(answer));
  EXPECT_TRUE(client.until_end());
  EXPECT_TRUE(client.goaway);
  EXPECT_EQ(client.goaway_error, std::uint32_t{NGHTTP2_NO_ERROR});
}

TEST_F(Http2Server, HeadTimeoutTable) {
  ServerLimits limits;
  limits.head_timeout = std::chrono::seconds(1);
  start(limits);
  const std::string greeting = std::string(kPreface) + frame(NGHTTP2_SETTINGS, 0, 0);
  const std::pair<const char*, std::string> cases[] = {
      {"half a preface", std::string(kPreface.substr(0, 10))},
      {"no settings", std::string(kPreface)},
      {"header block without end",
       greeting + frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, get_block())},
  };
  for (const auto& [name, bytes] : cases) {
    Socket socket = connect();
    socket.send(bytes);
    socket.read_all();
    EXPECT_TRUE(socket.ended()) << name;
  }
}

}  // namespace
}  // namespace llama_swap::test
