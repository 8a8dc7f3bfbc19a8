// What the client gets.
#include "relay/relay_fixture.h"

namespace llama_swap::relay {
namespace {

TEST_F(Relay, AnswersTable) {
  const std::string v11 = "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
  const std::string v10 = "GET /x HTTP/1.0\r\nHost: h\r\n\r\n";
  const std::string chunked =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: "
      "T\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n";
  const struct {
    const char* name;
    std::string request;
    std::string answer;
    std::string status;
    std::string body;
    std::vector<std::string> wants;
    std::vector<std::string> not_wants;
  } cases[] = {
      {"length",
       v11,
       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello",
       "HTTP/1.1 200 OK",
       "hello",
       {"Content-Length: 5\r\n", "A: b\r\n"},
       {}},
      {"chunked goes through as it is",
       v11,
       chunked,
       "HTTP/1.1 200 OK",
       "3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n",
       {"Transfer-Encoding: chunked"},
       {"Trailer"}},
      {"1.0 client gets it decoded", v10, chunked, "HTTP/1.0 200 OK", "abcde", {}, {"chunked"}},
      {"until close becomes chunks",
       v11,
       "HTTP/1.1 200 OK\r\n\r\nhello",
       "HTTP/1.1 200 OK",
       "5\r\nhello\r\n0\r\n\r\n",
       {},
       {}},
      {"bare status line and bare LF",
       v11,
       "HTTP/1.1 201\nContent-Length: 2\n\nok",
       "HTTP/1.1 201 Created",
       "ok",
       {},
       {}},
      {"reason kept",
       v11,
       "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 200 Fine",
       "",
       {},
       {}},
      {"hop by hop",
       v11,
       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Private, close\r\nX-Private: "
       "1\r\nKeep-Alive: 5\r\nX-Public: 2\r\n\r\n",
       "HTTP/1.1 200 OK",
       "",
       {"X-Public: 2"},
       {"X-Private: 1", "Keep-Alive"}},
      {"events are not to be buffered",
       v11,
       "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; x\r\nX-Accel-Buffering: "
       "yes\r\nContent-Length: 0\r\n\r\n",
       "HTTP/1.1 200 OK",
       "",
       {"X-Accel-Buffering: no"},
       {"yes"}},
      {"103 and 100",
       v11,
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: l\r\n\r\nHTTP/1.1 200 "
       "OK\r\nContent-Length: 1\r\n\r\nx",
       "HTTP/1.1 103 Early Hints",
       "",
       {"HTTP/1.1 200 OK"},
       {"100 Continue"}},
      {"head",
       "HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
       "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n",
       "HTTP/1.1 200 OK",
       "",
       {"Content-Length: 12"},
       {}},
      {"304",
       v11,
       "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
       "HTTP/1.1 304 Not Modified",
       "",
       {"ETag: x"},
       {"Content-Length"}},
      {"204",
       v11,
       "HTTP/1.1 204 No Content\r\n\r\n",
       "HTTP/1.1 204 No Content",
       "",
       {},
       {"Content-Length"}},
      {"not http", v11, "SSH-2.0-x\r\n\r\n", "HTTP/1.1 502 Bad Gateway", "", {"not HTTP"}, {}},
      {"nothing", v11, "", "HTTP/1.1 502 Bad Gateway", "", {"closed the connection"}, {}},
      {"two lengths",
       v11,
       "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
       "HTTP/1.1 502 Bad Gateway",
       "",
       {},
       {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string got = answered(c.answer, c.request);
    EXPECT_EQ(got.substr(0, got.find("\r\n")), c.status);
    if (!c.body.empty()) {
      EXPECT_EQ(got.substr(got.find("\r\n\r\n") + 4), c.body);
    }
    for (const auto& want : c.wants)
      EXPECT_NE(got.find(want), std::string::npos) << want << "\nin\n" << got;
    for (const auto& not_want : c.not_wants)
      EXPECT_EQ(got.find(not_want), std::string::npos) << got;
  }
}

TEST_F(Relay, TruncationIsVisible) {
  std::string got = answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  EXPECT_EQ(got.find("0\r\n\r\n"), std::string::npos);
  EXPECT_NE(got.find("abc"), std::string::npos);
  got = answered("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_NE(got.find("Content-Length: 10"), std::string::npos);
  EXPECT_EQ(got.substr(got.size() - 4), "half");
  // All payload is there, only the last line end is missing: that is complete.
  got = answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n");
  EXPECT_EQ(got.substr(got.size() - 5), "0\r\n\r\n");
}

TEST_F(Relay, AWatcherSeesThePayload) {
  struct Watcher final : net::PayloadSink {
    void on_payload(std::string_view bytes) override { seen += bytes; }
    std::string seen;
  } watcher;
  loop_.on_loop([&] { watcher_ = &watcher; });
  const std::string v11 =
      "GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAccept-Encoding: br, gzip;q=0.5\r\n\r\n";
  const std::string v10 = "GET /x HTTP/1.0\r\nHost: h\r\n\r\n";
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const auto& [request, answer] : std::vector<std::pair<std::string, std::string>>{
           {v11, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"},
           {v11, "HTTP/1.1 200 OK\r\n\r\nhello"},
           {v11, chunked + "3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\nT: 1\r\n\r\n"},
           {v11, chunked + "3 \nhel\r\n2\nlo\n0\n\n"},  // to be framed anew
           {v10, chunked + "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"}}) {
    SCOPED_TRACE(request + answer);
    watcher.seen.clear();
    std::string head;
    answered(answer, request, &head);
    EXPECT_EQ(loop_.on_loop([&] { return watcher.seen; }), "hello");
    if (request == v11) {
      EXPECT_NE(head.find("Accept-Encoding: gzip;q=0.5\r\n"), std::string::npos) << head;
    }
  }
  loop_.on_loop([&] { watcher_ = nullptr; });
}

}  // namespace
}  // namespace llama_swap::relay
