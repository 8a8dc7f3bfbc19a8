// What the upstream gets.
#include "relay/relay_fixture.h"
#include "relay/request_head.h"

namespace llama_swap::relay {
namespace {

TEST_F(Relay, RequestHeadTable) {
  const struct {
    const char* name;
    bool to_peer;
    std::string key;
    std::string fields;
    std::vector<std::string> wants;
    std::vector<std::string> not_wants;
  } cases[] = {
      {"local",
       false,
       "",
       "Host: my.example:1\r\nX-Keep: 2\r\n",
       {"GET /base/x?q=1 HTTP/1.1\r\n", "Host: my.example:1\r\n", "X-Keep: 2\r\n",
        "X-Forwarded-For: 127.0.0.1\r\n"},
       {"User-Agent", "Connection", "Content-Length"}},
      {"forwarded for is extended",
       false,
       "",
       "Host: h\r\nX-Forwarded-For: 9.9.9.9\r\n",
       {"X-Forwarded-For: 9.9.9.9, 127.0.0.1\r\n"},
       {}},
      {"hop by hop",
       false,
       "",
       "Host: h\r\nConnection: X-Drop\r\nX-Drop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: "
       "gzip, trailers\r\nExpect: 100-continue\r\n",
       {"Te: trailers\r\n"},
       {"X-Drop", "Keep-Alive", "Proxy-Connection", "gzip", "Expect"}},
      {"keys pass",
       false,
       "",
       "Host: h\r\nAuthorization: Bearer k\r\nx-api-key: k\r\n",
       {"Authorization: Bearer k\r\n", "x-api-key: k\r\n"},
       {}},
      {"peer",
       true,
       "pk",
       "Host: my.example\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Host: h\r\nX-Forwarded-Proto: "
       "https\r\nForwarded: for=1\r\nAuthorization: Bearer mine\r\nX-API-Key: mine\r\n",
       {"Host: 127.0.0.1:", "Authorization: Bearer pk\r\n", "X-Api-Key: pk\r\n"},
       {"orwarded", "mine", "my.example"}},
      {"upgrade",
       false,
       "",
       "Host: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n",
       {"Connection: Upgrade\r\n", "Upgrade: websocket\r\n"},
       {}},
      {"of several protocols, only websocket",
       false,
       "",
       "Host: h\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\nUpgrade: x\r\n"
       "HTTP2-Settings: AAA\r\n",
       {"Connection: Upgrade\r\n", "Upgrade: websocket\r\n"},
       {"h2c", "HTTP2", "Upgrade: x"}},
      {"h2c upgrade is not passed on",
       false,
       "",
       "Host: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n",
       {},
       {"Upgrade", "HTTP2"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    to_peer_ = c.to_peer;
    api_key_ = c.key;
    std::string head;
    answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
             "GET /x?q=1 HTTP/1.1\r\n" + c.fields + "\r\n", &head);
    for (const auto& want : c.wants)
      EXPECT_NE(head.find(want), std::string::npos) << want << "\nin\n" << head;
    for (const auto& not_want : c.not_wants)
      EXPECT_EQ(head.find(not_want), std::string::npos) << not_want << "\nin\n" << head;
  }
}

TEST_F(Relay, NamesTheRequest) {
  const auto head_of = [this](const std::string& fields) {
    std::string head;
    answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
             "GET /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n", &head);
    return head;
  };
  EXPECT_NE(head_of("").find("\r\nX-Request-ID: made\r\n"), std::string::npos);
  const std::string own = head_of("x-request-id: own\r\n");
  EXPECT_NE(own.find("\r\nx-request-id: own\r\n"), std::string::npos);
  EXPECT_EQ(own.find("made"), std::string::npos);
}

TEST_F(Relay, TraceContextIsPassedOnOrReplaced) {
  const auto head_of = [this] {
    std::string head;
    answered("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
             "GET /x HTTP/1.1\r\nHost: h\r\nTraceparent: theirs\r\nTracestate: a=1\r\n"
             "tracestate: b=2\r\n\r\n",
             &head);
    return head;
  };
  EXPECT_NE(head_of().find("Traceparent: theirs\r\nTracestate: a=1\r\ntracestate: b=2\r\n"),
            std::string::npos);
  trace_parent_ = "ours";
  EXPECT_NE(head_of().find("traceparent: ours\r\n"), std::string::npos);
  EXPECT_EQ(head_of().find("theirs"), std::string::npos);
  EXPECT_EQ(head_of().find("racestate"), std::string::npos);
  trace_state_ = "a=1,b=2";
  EXPECT_NE(head_of().find("traceparent: ours\r\ntracestate: a=1,b=2\r\n"), std::string::npos);
}

TEST(ReadableCodings, Table) {
  EXPECT_EQ(readable_codings("gzip, deflate, br"), "gzip, deflate");
  EXPECT_EQ(readable_codings("br, zstd"), "");
  EXPECT_EQ(readable_codings("GZIP ;q=1,br;q=0.2,deflate;q=0"), "GZIP ;q=1, deflate;q=0");
  EXPECT_EQ(readable_codings(""), "");
  EXPECT_EQ(readable_codings("x-gzip,*"), "");
}

TEST_F(Relay, BodyWithSplices) {
  splices_ = {{0, 1, "[["}, {3, 2, ""}, {5, 0, "!"}};
  Socket client = Socket::connect(port_);
  client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n012345");
  Socket upstream = acceptor_.accept();
  const std::string got = upstream.read_until("!5");
  EXPECT_NE(got.find("Content-Length: 6\r\n"), std::string::npos) << got;
  EXPECT_EQ(got.substr(got.find("\r\n\r\n") + 4), "[[12!5");
}

TEST_F(Relay, BodyOfNothingButSplices) {
  splices_ = {{0, 0, "{}"}};
  Socket client = Socket::connect(port_);
  client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  Socket upstream = acceptor_.accept();
  const std::string got = upstream.read_until("{}");
  EXPECT_NE(got.find("Content-Length: 2\r\n"), std::string::npos) << got;
}

}  // namespace
}  // namespace llama_swap::relay
