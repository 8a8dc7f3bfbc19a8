// Requests for models, from the client to an upstream and back.
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "server/server_fixture.h"

namespace llama_swap::server {
namespace {

// An origin server for requests that arrive whole: keeps what it got and answers everything alike.
class Origin {
 public:
  explicit Origin(net::Loop& loop)
      : acceptor_(loop, {boost::asio::ip::address_v4::loopback(), 0}), socket_(loop) {
    accept();
  }
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + path;
  }
  std::string request;
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

  std::string request_line() const { return request.substr(0, request.find("\r\n")); }
  std::string body() const { return request.substr(request.find("\r\n\r\n") + 4); }

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code ec, boost::asio::ip::tcp::socket s) {
      if (ec) return;
      socket_ = std::move(s);
      socket_.async_read_some(boost::asio::buffer(buffer_),
                              [this](boost::system::error_code, std::size_t n) {
                                request.assign(buffer_, n);
                                boost::asio::write(socket_, boost::asio::buffer(answer));
                                socket_.close();
                                accept();
                              });
    });
  }
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::tcp::socket socket_;
  char buffer_[8192];
};

TEST_F(ServerTest, StartFailureIs503) {
  launcher.outcome = FakeLauncher::Outcome::failed;
  EXPECT_EQ(chat(R"({"model":"nick"})"),
            "503 unspecific error: upstream command exited prematurely");
}

TEST_F(ServerTest, DeadUpstreamIs502) {
  launcher.outcome = FakeLauncher::Outcome::ready;
  EXPECT_EQ(chat(R"({"model":"m1"})").substr(0, 24), "502 [m1] upstream error:");
  EXPECT_EQ(chat(R"({"model":"remote"})").substr(0, 21), "502 peer proxy error:");
  EXPECT_NE(log.proxy().history().find("[WARN] peer p: proxy error: "), std::string::npos);
}

TEST_F(ServerTest, ForwardsToALocalModel) {
  Origin origin(loop);
  config->models["m1"].proxy = origin.url("/base");
  launcher.outcome = FakeLauncher::Outcome::ready;
  start();
  const Fields json{{"Content-Type", "application/json"}, {"Authorization", "Bearer k"}};
  EXPECT_EQ(answer("POST", "/v/chat/completions?q=1", json, R"({"a":1,"model":"nick"})"), "200 hi");
  EXPECT_EQ(origin.request_line(), "POST /base/chat/completions?q=1 HTTP/1.1");
  EXPECT_EQ(origin.body(), R"({"a":1,"model":"nick"})");
  EXPECT_NE(origin.request.find("\r\nAuthorization: Bearer k\r\n"), std::string::npos);

  answer("PUT", "/api/profiles/active", {}, R"({"name":"coding"})");
  EXPECT_EQ(answer("POST", "/audioapi/v1/tasks/run", json, R"({"model":"public"})"), "200 hi");
  EXPECT_EQ(origin.request_line(), "POST /base/v1/tasks/run HTTP/1.1");
  EXPECT_EQ(origin.body(), R"({"model":"m1"})");
  EXPECT_EQ(answer("GET", "/props?model=public&x=1"), "200 hi");
  EXPECT_EQ(origin.request_line(), "GET /base/props?model=m1&x=1 HTTP/1.1");
  EXPECT_EQ(answer("GET", "/upstream/public/app.js"), "200 hi");  // ignorePaths: it is ready
  EXPECT_EQ(origin.request_line(), "GET /base/app.js HTTP/1.1");
  EXPECT_EQ(answer("DELETE", "/upstream/m1/x%2Fy?z"), "200 hi");
  EXPECT_EQ(origin.request_line(), "DELETE /base/x%2Fy?z HTTP/1.1");
}

TEST_F(ServerTest, ForwardsToAPeer) {
  Origin origin(loop);
  config->peers["p"].proxy = origin.url("/api");
  config->peers["p"].api_key = "peer-key";
  start();
  const Fields json{{"Content-Type", "application/json"}, {"Authorization", "Bearer k"}};
  for (const char* target : {"/v1/completions", "/upstream/p/remote/v1/completions"}) {
    EXPECT_EQ(answer("POST", target, json, R"({"model":"p/remote","n":1.0})"), "200 hi");
    EXPECT_EQ(origin.request_line(), "POST /api/v1/completions HTTP/1.1");
    EXPECT_EQ(origin.body(), R"({"model":"remote","n":1.0})");
    EXPECT_NE(origin.request.find("\r\nAuthorization: Bearer peer-key\r\n"), std::string::npos);
  }
  EXPECT_EQ(launcher.launched, 0);
}

TEST_F(ServerTest, LoadingStateThenTheStream) {
  Origin origin(loop);
  origin.answer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
      "a\r\ndata: hi\n\n\r\n0\r\n\r\n";
  config->models["m1"].proxy = origin.url("");
  launcher.outcome = FakeLauncher::Outcome::ready;
  start();
  testing::FakeExchange exchange(
      "POST", "/v1/chat/completions",
      {{"Content-Type", "application/json"}, {"Accept-Encoding", "gzip"}},
      R"({"model":"m1","stream":true})");
  ask(exchange);
  EXPECT_TRUE(exchange.answer.starts_with("data: {\"id\":"));
  EXPECT_NE(exchange.answer.find("\\n━━━━━\\n \\n"), std::string::npos) << exchange.answer;
  EXPECT_TRUE(exchange.answer.ends_with("}\n\ndata: hi\n\n")) << exchange.answer;
  EXPECT_TRUE(exchange.finished);
  EXPECT_EQ(origin.request.find("Accept-Encoding"), std::string::npos);
}

TEST_F(ServerTest, TooMany) {
  config->models["m1"].concurrency_limit = 1;
  start();
  testing::FakeExchange first("GET", "/upstream/m1/x");
  bool done = false;
  testing::begin(loop, server->handle(first), done);
  while (launcher.launched == 0) loop.run_one();
  testing::FakeExchange second("GET", "/upstream/m1/x", {{"Accept", "text/plain"}});
  ask(second);
  EXPECT_EQ(second.status(), 429);
  EXPECT_EQ(second.header("Retry-After"), "1");
  EXPECT_EQ(Json::parse(second.answer)["error"]["code"], "concurrency_limit");
  first.leave();
  while (!done) loop.run_one();
  EXPECT_FALSE(first.responded());
}

TEST_F(ServerTest, LoadingStateTellsTheFailure) {
  launcher.outcome = FakeLauncher::Outcome::failed;
  testing::FakeExchange exchange("POST", "/v1/chat/completions",
                                 {{"Content-Type", "application/json"}},
                                 R"({"model":"m1","stream":true})");
  ask(exchange);
  EXPECT_EQ(exchange.status(), 200);
  EXPECT_EQ(exchange.header("Content-Type"), "text/event-stream");
  EXPECT_EQ(exchange.header("X-Accel-Buffering"), "no");
  EXPECT_NE(exchange.answer.find("━━━━━\\nllama-swap loading model: m1\\n"), std::string::npos)
      << exchange.answer;
  const auto done = exchange.answer.find("Done! (");
  const auto failure = exchange.answer.find("data: {\"src\":\"llama-swap\"");
  ASSERT_NE(done, std::string::npos);
  ASSERT_NE(failure, std::string::npos);
  EXPECT_LT(done, failure);
  EXPECT_TRUE(exchange.answer.ends_with("}}\n\ndata: [DONE]\n\n"));
  EXPECT_TRUE(exchange.finished);
}

TEST_F(ServerTest, CancelWhileWaiting) {
  testing::FakeExchange waiting("POST", "/v1/completions", {{"Content-Type", "application/json"}},
                                R"({"model":"m1","stream":true})");
  bool done = false;
  testing::begin(loop, server->handle(waiting), done);
  while (launcher.launched == 0) loop.run_one();
  EXPECT_EQ(answer("POST", "/api/inflight/1/cancel"), "200 {\"msg\":\"ok\"}\n");
  while (!done) loop.run_one();
  EXPECT_EQ(waiting.status(), 503);
  EXPECT_EQ(Json::parse(waiting.answer)["error"]["message"], "request was cancelled");
}

}  // namespace
}  // namespace llama_swap::server
