#include "trace/exporter.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

namespace llama_swap::trace {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::ip::tcp;

// Answers one connection after the other, each request of one piece, with what `answers` says in
// turn; "" is no answer.
class Collector {
 public:
  explicit Collector(net::Loop& loop)
      : acceptor_(loop, {asio::ip::address_v4::loopback(), 0}), socket_(loop) {
    accept();
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/v1/traces";
  }
  std::vector<std::string> answers;
  std::vector<std::string> requests;

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code ec, tcp::socket socket) {
      if (ec) return;
      socket_ = std::move(socket);
      read();
    });
  }
  void read() {
    socket_.async_read_some(
        asio::buffer(buffer_), [this](boost::system::error_code ec, std::size_t n) {
          if (ec) return accept();
          requests.emplace_back(buffer_, n);
          const std::string answer =
              requests.size() <= answers.size() ? answers[requests.size() - 1] : answers.back();
          if (!answer.empty()) asio::write(socket_, asio::buffer(answer));
          read();
        });
  }
  tcp::acceptor acceptor_;
  tcp::socket socket_;
  char buffer_[1 << 16];
};

std::string answer(int status, const std::string& fields = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + fields + "Content-Length: 2\r\n\r\n{}";
}

struct ExporterTest : ::testing::Test {
  std::shared_ptr<Exporter> exporter(const std::string& endpoint, std::size_t max_queue = 2048) {
    config::Tracing settings;
    settings.endpoint = endpoint;
    settings.headers = {{"X-Key", "k"}};
    settings.max_queue = max_queue;
    auto made = std::make_shared<Exporter>(
        loop, wheel, settings, "v1",
        [this](config::LogLevel, std::string text) { log += text + "\n"; });
    made->start();
    return made;
  }
  static net::Awaitable<void> end(std::shared_ptr<Exporter> exporter,
                                  std::chrono::milliseconds budget, bool* ended) {
    co_await Exporter::close(exporter, budget);
    *ended = true;
  }
  // Runs until it has ended.
  void close(std::shared_ptr<Exporter> exporter, std::chrono::milliseconds budget = 10s) {
    bool ended = false;
    net::spawn(loop, end(std::move(exporter), budget, &ended));
    while (!ended && loop.run_one() > 0) {
    }
  }
  template <class Condition>
  void run_until(const Condition& condition) {
    while (!condition() && loop.run_one() > 0) {
    }
  }

  net::Loop loop;
  net::TimerWheel wheel{loop};
  Collector collector{loop};
  std::string log;
};

TEST_F(ExporterTest, SendsWhatIsQueued) {
  collector.answers = {answer(200)};
  const auto made = exporter(collector.url());
  made->add(std::vector<Span>(2));
  run_until([&] { return !collector.requests.empty(); });
  EXPECT_TRUE(collector.requests[0].starts_with("POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:"));
  EXPECT_NE(collector.requests[0].find("\r\nContent-Type: application/json\r\n"),
            std::string::npos);
  EXPECT_NE(collector.requests[0].find("\r\nX-Key: k\r\n"), std::string::npos);
  made->add(std::vector<Span>(1));
  close(made);
  EXPECT_EQ(collector.requests.size(), 2u);
  EXPECT_EQ(log, "");
}

TEST_F(ExporterTest, TriesAgainWhatIsWorthIt) {
  collector.answers = {answer(503, "Retry-After: 0\r\n"), answer(429, "Retry-After: 0\r\n"),
                       answer(200)};
  const auto made = exporter(collector.url());
  made->add(std::vector<Span>(1));
  close(made);
  ASSERT_EQ(collector.requests.size(), 3u);
  EXPECT_EQ(collector.requests[0], collector.requests[2]);
  EXPECT_NE(log.find("the answer is 503"), std::string::npos);
  EXPECT_NE(log.find("works again"), std::string::npos);
  EXPECT_EQ(log.find("429"), std::string::npos) << "said once";
}

TEST_F(ExporterTest, ACollectorThatSaysNowIsNotOverrun) {
  collector.answers = {answer(503, "Retry-After: 0\r\n")};
  const auto made = exporter(collector.url());
  made->add(std::vector<Span>(1));
  close(made, 700ms);
  EXPECT_LE(collector.requests.size(), 3u);
  EXPECT_GE(collector.requests.size(), 1u);
}

TEST_F(ExporterTest, DropsWhatIsRefused) {
  collector.answers = {answer(400), answer(200)};
  const auto made = exporter(collector.url());
  made->add(std::vector<Span>(3));
  close(made);
  EXPECT_EQ(collector.requests.size(), 1u);
  EXPECT_NE(log.find("3 spans were dropped"), std::string::npos);
}

TEST_F(ExporterTest, GivesUpInTime) {
  collector.answers = {""};
  const auto made = exporter(collector.url());
  made->add(std::vector<Span>(1));
  const util::Time before = util::Clock::now();
  close(made, 300ms);
  EXPECT_LT(util::Clock::now() - before, 5s);
  EXPECT_NE(log.find("1 spans were dropped"), std::string::npos);
}

TEST_F(ExporterTest, AFullQueueDropsAndCounts) {
  const auto made = exporter("http://127.0.0.1:1/v1/traces", 10);
  made->add(std::vector<Span>(8));
  made->add(std::vector<Span>(3));
  EXPECT_EQ(made->queued(), 8u);
  EXPECT_EQ(made->dropped(), 3u);
  made->add(std::vector<Span>(2));
  EXPECT_EQ(made->queued(), 10u);
  close(made, 200ms);
  EXPECT_NE(log.find("13 spans were dropped"), std::string::npos) << log;
}

TEST_F(ExporterTest, TellsOfDropsWhileItTries) {
  const auto made = exporter("http://127.0.0.1:1/v1/traces", 1);
  made->add(std::vector<Span>(1));
  made->add(std::vector<Span>(2));
  const util::Time end = util::Clock::now() + 10s;
  while (log.find("2 spans were dropped") == log.npos && util::Clock::now() < end)
    loop.run_one_for(100ms);
  EXPECT_NE(log.find("2 spans were dropped"), std::string::npos) << log;
  close(made, 100ms);
}

TEST_F(ExporterTest, ABadEndpointOnlyCosts) {
  const auto made = exporter("ftp://x");
  made->add(std::vector<Span>(1));
  close(made);
  EXPECT_NE(log.find("bad endpoint"), std::string::npos);
}

TEST_F(ExporterTest, SamplesAsTheParentDoes) {
  const auto made = exporter(collector.url());
  Context parent;
  parent.trace = {1, 2};
  parent.span = 3;
  parent.flags = Context::kRandom;
  parent.state = "a=1";
  const Context child = made->begin(parent);
  EXPECT_EQ(child.trace, parent.trace);
  EXPECT_NE(child.span, parent.span);
  EXPECT_FALSE(child.sampled());
  EXPECT_EQ(child.state, "a=1");
  EXPECT_TRUE(made->begin(std::nullopt).sampled());
  close(made);
}

TEST(Sampling, ShareOfNewTraces) {
  net::Loop loop;
  net::TimerWheel wheel(loop);
  for (const double share : {0.0, 0.25, 1.0}) {
    config::Tracing settings;
    settings.endpoint = "http://127.0.0.1:1/";
    settings.sample = share;
    Exporter exporter(loop, wheel, settings, "v1", {});
    int sampled = 0;
    for (int i = 0; i < 4000; ++i) sampled += exporter.begin(std::nullopt).sampled() ? 1 : 0;
    EXPECT_NEAR(sampled, share * 4000, share == 0.25 ? 250 : 0);
  }
}

TEST(Retrying, Rules) {
  for (const int status : {429, 502, 503, 504}) EXPECT_TRUE(is_worth_retrying(status));
  for (const int status : {301, 400, 401, 404, 413, 500, 501})
    EXPECT_FALSE(is_worth_retrying(status));
  EXPECT_EQ(back_off(2), 1s);
  EXPECT_EQ(back_off(3), 2s);
  EXPECT_EQ(back_off(100), 30s);
}

}  // namespace
}  // namespace llama_swap::trace
