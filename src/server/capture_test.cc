// What is collected of a request, and within which bounds.
#include "server/capture.h"

#include <gtest/gtest.h>

#include "server/capture_parts.h"
#include "server/redaction.h"
#include "server/testing.h"

namespace llama_swap::server {
namespace {

TEST(CaptureParts, Table) {
  const struct {
    const char* path;
    bool request;
    bool response;
  } cases[] = {
      {"/v1/audio/speech", true, false},
      {"/v1/images/generations", true, false},
      {"/sdapi/v1/txt2img", true, false},
      {"/v1/audio/voices", false, true},
      {"/v1/audio/transcriptions", false, true},
      {"/v1/images/edits", false, false},
      {"/sdapi/v1/img2img", false, false},
      {"/v1/chat/completions", true, true},
      {"/chat/completions", true, true},
      {"/v1/audio/speech/", true, true},
      {"/infill", true, true},
      {"", true, true},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.path);
    EXPECT_EQ(capture_parts(one.path, 200), (CaptureParts{one.request, one.response}));
    for (const int status : {0, 201, 204, 404, 500})
      EXPECT_EQ(capture_parts(one.path, status), (CaptureParts{one.request, false})) << status;
  }
}

TEST(IsCaptured, Patterns) {
  config::Config config;
  EXPECT_TRUE(is_captured(config, "a"));
  config.captures.models = {"qwen*", "hub/m?"};
  EXPECT_TRUE(is_captured(config, "qwen3"));
  EXPECT_TRUE(is_captured(config, "hub/m1"));
  EXPECT_FALSE(is_captured(config, "m1"));
  EXPECT_FALSE(is_captured(config, ""));
}

TEST(MibInBytes, Bounds) {
  EXPECT_EQ(mib_in_bytes(-1), 0u);
  EXPECT_EQ(mib_in_bytes(5), 5u << 20);
  EXPECT_EQ(mib_in_bytes(std::int64_t{1} << 62), std::uint64_t{1} << 50);
}

constexpr std::uint64_t kMib = 1 << 20;

struct CaptureTest : ::testing::Test {
  net::Loop loop;
  net::TimerWheel wheel{loop};
  net::Worker worker{loop};
  net::BodyMemory bodies{256 * kMib};
  std::shared_ptr<config::Config> config = std::make_shared<config::Config>();
  SitePtr site;
  std::shared_ptr<CaptureMemory> memory = std::make_shared<CaptureMemory>();
  testing::FakeExchange exchange{"POST", "/v1/chat/completions", {{"x-a", "1"}}};
  std::optional<Capture> capture;

  void SetUp() override {
    config->captures.max_item_mib = 1;
    memory->limit = 2 * kMib;
    site = std::make_shared<const Site>(loop, wheel, config, nullptr);
    begin("/v1/chat/completions");
  }
  void TearDown() override { worker.join(); }

  void begin(std::string_view path) {
    capture.emplace(memory, site);
    capture->goes_to("m", path);
  }
  std::shared_ptr<const net::Body> body(std::string text) {
    auto out = std::make_shared<net::Body>(bodies, worker);
    const auto room = out->prepare(text.size());
    text.copy(room.data(), text.size());
    const auto size = text.size();
    const auto fill = [](net::Body& into, std::size_t n) -> net::Awaitable<void> {
      const auto kept = co_await into.commit(n);
      EXPECT_TRUE(kept.has_value());
    };
    testing::run(loop, fill(*out, size));
    return out;
  }
  void answered(int status, net::Headers headers = {}, net::BodyFraming framing = {}) {
    net::ResponseHead head;
    head.status = status;
    head.headers = std::move(headers);
    capture->answered(head, framing);
  }
  std::optional<Captured> finish() { return capture->finish(exchange.request()); }
};

std::string whole(const std::vector<std::string>& pieces) {
  std::string out;
  for (const std::string& piece : pieces) out += piece;
  return out;
}

TEST_F(CaptureTest, All) {
  const auto request = body("{\"a\":1}");
  capture->received(request);
  capture->sends({{1, 0, "x"}});
  answered(200, {{"Content-Type", "text/plain"}, {"content-encoding", "gzip"}});
  capture->on_payload("ab");
  capture->on_payload("");
  capture->on_payload("cd");
  {
    const auto got = finish();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->path, "/v1/chat/completions");
    EXPECT_EQ(unflatten(got->request_headers).at(0).name, "x-a");
    EXPECT_EQ(unflatten(*got->response_headers).size(), 2u);
    EXPECT_TRUE(got->keeps_request && got->keeps_response);
    EXPECT_EQ(got->request, request) << "shared, not copied";
    EXPECT_EQ(got->splices.size(), 1u);
    EXPECT_EQ(got->response, std::vector<std::string>{"abcd"}) << "small pieces are put together";
    EXPECT_EQ(got->content_encoding, "gzip");
    EXPECT_TRUE(got->left_out.empty());
    EXPECT_GT(memory->used, 11u);
  }
  EXPECT_EQ(memory->used, 0u);
}

TEST_F(CaptureTest, PiecesOfModerateSize) {
  answered(200);
  const std::string piece(50'000, 'x');
  for (int i = 0; i < 10; ++i) capture->on_payload(piece);
  capture->on_payload(std::string(200'000, 'y'));
  const auto got = finish();
  EXPECT_TRUE(whole(got->response) == std::string(500'000, 'x') + std::string(200'000, 'y'));
  EXPECT_EQ(got->response.size(), 12u);
  for (const std::string& block : got->response) EXPECT_LE(block.capacity(), 65'536u);

  begin("/v1/chat/completions");
  answered(200);
  std::string events;
  for (int i = 0; i < 1000; ++i) {
    const std::string event = "data: " + std::to_string(i) + "\n\n";
    capture->on_payload(event);
    events += event;
  }
  const auto stream = finish();
  EXPECT_EQ(whole(stream->response), events);
  EXPECT_LT(stream->response.size(), 10u);
}

TEST_F(CaptureTest, NothingInA200) {
  answered(200);
  capture->on_payload("");
  EXPECT_FALSE(finish());
  begin("/v1/audio/speech");
  answered(200);
  capture->on_payload("sound");
  const auto got = finish();
  ASSERT_TRUE(got) << "not kept, but there";
  EXPECT_FALSE(got->keeps_response);
  EXPECT_TRUE(got->response.empty());
}

TEST_F(CaptureTest, Failures) {
  answered(500, {{"X-A", "b"}});
  capture->on_payload("broken");
  const auto theirs = finish();
  ASSERT_TRUE(theirs);
  EXPECT_TRUE(theirs->response_headers);
  EXPECT_TRUE(theirs->keeps_request);
  EXPECT_FALSE(theirs->keeps_response);

  begin("/v1/chat/completions");
  capture->failed(404, "application/json");
  const auto ours = finish();
  ASSERT_TRUE(ours);
  EXPECT_EQ(unflatten(*ours->response_headers).at(0).value, "application/json");

  begin("/v1/chat/completions");
  const auto none = finish();
  ASSERT_TRUE(none) << "the client left before there was an answer";
  EXPECT_FALSE(none->response_headers);
}

TEST_F(CaptureTest, AFailureAfterTheBeginning) {
  answered(200);
  capture->on_payload("half");
  capture->failed(502, "text/event-stream");
  const auto got = finish();
  ASSERT_TRUE(got);
  EXPECT_FALSE(got->keeps_response);
  EXPECT_TRUE(got->response.empty());
}

TEST_F(CaptureTest, TooLargeOnesAreLeftOut) {
  capture->received(body(std::string(kMib + 1, 'x')));
  answered(200);
  const std::string piece(kMib / 2, 'x');
  capture->on_payload(piece);
  capture->on_payload(piece);
  EXPECT_EQ(memory->used, kMib);
  capture->on_payload("x");
  EXPECT_EQ(memory->used, 0u) << "at once";
  capture->on_payload(piece);
  EXPECT_EQ(memory->used, 0u);
  const auto got = finish();
  ASSERT_TRUE(got);
  EXPECT_FALSE(got->keeps_request || got->keeps_response);
  EXPECT_EQ(got->request, nullptr);
  EXPECT_EQ(got->left_out, (std::vector<std::string>{"req_body", "resp_body"}));
}

TEST_F(CaptureTest, TooLargeByItsOwnWord) {
  answered(200, {}, {net::BodyFraming::length, kMib + 1});
  capture->on_payload("x");
  EXPECT_EQ(memory->used, 0u) << "nothing is collected in vain";
  EXPECT_EQ(finish()->left_out, std::vector<std::string>{"resp_body"});
}

TEST_F(CaptureTest, AllTogetherAreBounded) {
  const std::string piece(kMib, 'x');
  std::vector<std::unique_ptr<Capture>> others;
  for (int i = 0; i < 5; ++i) {
    others.push_back(std::make_unique<Capture>(memory, site));
    others.back()->goes_to("m", "/v1/chat/completions");
    others.back()->answered({}, {});
    others.back()->on_payload(piece);
    EXPECT_LE(memory->used, memory->limit);
  }
  EXPECT_FALSE(others[0]->finish(exchange.request())) << "no room, not even for the headers";
  others.clear();
  EXPECT_EQ(memory->used, 0u);
}

TEST_F(CaptureTest, AnotherTargetBeginsAnew) {
  answered(200);
  capture->on_payload("of the first");
  answered(200);
  capture->on_payload("second");
  EXPECT_EQ(whole(finish()->response), "second");
}

}  // namespace
}  // namespace llama_swap::server
