// How captures are packed, kept and found again.
#include "server/captures.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <future>
#include <random>

#include "server/answer.h"
#include "server/api_key.h"
#include "server/record_body.h"
#include "server/testing.h"

namespace llama_swap::server {
namespace {

std::string gzipped(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string noise(std::size_t size) {
  std::mt19937 random(7);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

struct CapturesTest : ::testing::Test {
  net::Loop loop;
  net::TimerWheel wheel{loop};
  net::Worker worker{loop};
  net::BodyMemory bodies{1 << 20};
  std::shared_ptr<config::Config> config = std::make_shared<config::Config>();
  std::shared_ptr<Captures> captures = std::make_shared<Captures>(loop, worker);
  testing::FakeExchange exchange{"POST",
                                 "/v1/chat/completions",
                                 {{"x-a", "1"}, {"X-A", "2"}, {"Cookie", "c"}, {"x-mine", "m"}}};
  std::shared_ptr<net::Body> body;

  void SetUp() override {
    config->captures.redact = {"X-Mine"};
    captures->use(*config);
  }
  void TearDown() override {
    body = nullptr;
    EXPECT_EQ(captures->memory().used, 0u);
    worker.join();
  }

  SitePtr site() const {
    return std::make_shared<const Site>(const_cast<net::Loop&>(loop),
                                        const_cast<net::TimerWheel&>(wheel), config, nullptr);
  }
  void fill_body(std::string_view text) {
    body = std::make_shared<net::Body>(bodies, worker);
    const auto fill = [](net::Body& into, std::string_view rest) -> net::Awaitable<void> {
      while (!rest.empty()) {
        const auto room = into.prepare(0);
        const std::size_t n = rest.copy(room.data(), room.size());
        const auto kept = co_await into.commit(n);
        EXPECT_TRUE(kept.has_value());
        rest.remove_prefix(n);
      }
    };
    testing::run(loop, fill(*body, text));
  }
  // One request with this answer.
  void keep(std::int64_t id, std::string_view answer, net::Headers headers = {}, int status = 200,
            std::string_view path = "/v1/chat/completions", net::Splices splices = {}) {
    auto capture = captures->begin(site());
    ASSERT_TRUE(capture);
    capture->goes_to("m", path);
    if (body) capture->received(body);
    capture->sends(std::move(splices));
    net::ResponseHead head;
    head.status = status;
    head.headers = std::move(headers);
    capture->answered(head, {});
    capture->on_payload(answer);
    auto captured = capture->finish(exchange.request(), exchange.request_id());
    ASSERT_TRUE(captured);
    captures->keep(id, std::move(*captured));
  }
  store::Packed find(std::int64_t id, const Caller& caller = {}) {
    store::Packed out;
    const Directory directory(*config);
    const Sight sight{caller, directory};
    const auto ask = [](Captures& all, std::int64_t wanted, Sight by,
                        store::Packed& to) -> net::Awaitable<void> {
      to = co_await all.find(wanted, by);
    };
    testing::run(loop, ask(*captures, id, sight, out));
    return out;
  }
  std::string text(std::int64_t id) {
    const store::Packed packed = find(id);
    if (!packed) return "";
    store::PackedJsonReader reader(packed);
    std::string out;
    for (auto piece = reader.next(); !piece.empty(); piece = reader.next()) out += piece;
    EXPECT_FALSE(reader.broken());
    return out;
  }
  static std::string bytes(const Json& member) {
    return base64_decode(member.get<std::string>()).value_or("not base64");
  }
};

TEST_F(CapturesTest, TheAnswerExactly) {
  fill_body("{}");
  keep(7, "hi\n", {{"content-type", "text/plain"}, {"Set-Cookie", "s"}});
  EXPECT_TRUE(captures->has(7)) << "while it is packed, too";
  EXPECT_EQ(text(7), R"({"id":7,"req_path":"/v1/chat/completions","req_headers":{"X-A":"1",)"
                     R"("Cookie":"[REDACTED]","X-Mine":"[REDACTED]"},"req_body":"e30=",)"
                     R"("resp_headers":{"Content-Type":"text/plain","Set-Cookie":"[REDACTED]"},)"
                     R"("resp_body":"aGkK"})");
  EXPECT_TRUE(captures->has(7));
  EXPECT_FALSE(captures->has(8));
  EXPECT_EQ(find(8), nullptr);
}

TEST_F(CapturesTest, TheIdOfTheRequestComesLast) {
  exchange.set_request_id("mine-1");
  keep(1, "hi\n");
  EXPECT_TRUE(text(1).ends_with(R"("resp_body":"aGkK","request_id":"mine-1"})")) << text(1);
}

TEST_F(CapturesTest, NullAndEmpty) {
  keep(1, "x", {}, 500);
  Json got = Json::parse(text(1));
  EXPECT_EQ(got["req_body"], "") << "an empty body is one";
  EXPECT_TRUE(got["resp_body"].is_null());
  EXPECT_EQ(got["resp_headers"], Json::object());
  keep(2, "x", {}, 200, "/v1/images/edits");
  got = Json::parse(text(2));
  EXPECT_TRUE(got["req_body"].is_null() && got["resp_body"].is_null());
  EXPECT_FALSE(got.contains("left_out"));
}

TEST_F(CapturesTest, BodiesAreAsTheyWereSent) {
  fill_body("{\"model\":\"a\",\"x\":1}");
  keep(1, "x", {}, 200, "/v1/chat/completions", {{9, 3, "\"longer\""}, {18, 0, ",\"y\":2"}});
  EXPECT_EQ(bytes(Json::parse(text(1))["req_body"]), R"({"model":"longer","x":1,"y":2})");
}

TEST_F(CapturesTest, CodingsAreUndone) {
  const std::string plain(3'000'000, 'x');
  keep(1, gzipped(plain), {{"Content-Encoding", "gzip"}, {"X", "y"}});
  Json got = Json::parse(text(1));
  EXPECT_EQ(got["resp_headers"], Json::parse(R"({"X":"y"})"));
  EXPECT_TRUE(bytes(got["resp_body"]) == plain);
  keep(2, "as it is", {{"Content-Encoding", "secret-sauce"}});
  got = Json::parse(text(2));
  EXPECT_EQ(bytes(got["resp_body"]), "as it is");
  EXPECT_TRUE(got["resp_headers"].contains("Content-Encoding"));
}

TEST_F(CapturesTest, WhatCannotBeDecodedIsNoCapture) {
  const net::Headers gzip{{"Content-Encoding", "gzip"}};
  keep(1, "not gzip", gzip);
  keep(2, gzipped("cut off").substr(0, 20), gzip);
  keep(3, gzipped(""), gzip);
  config->captures.max_item_mib = 1;
  keep(4, gzipped(std::string((1 << 20) + 1, 'x')), gzip);
  keep(5, gzipped(std::string(1 << 20, 'x')), gzip);
  for (const int id : {1, 2, 3, 4}) EXPECT_EQ(text(id), "") << id;
  EXPECT_NE(text(5), "") << "the bound holds for what it is decoded";
  for (const int id : {1, 2, 3, 4}) EXPECT_FALSE(captures->has(id)) << id;
}

TEST_F(CapturesTest, ABodyThatHadToGoToDisk) {
  bodies.set_limit(0);
  const std::string plain = noise(300'000);
  fill_body(plain);
  ASSERT_FALSE(body->in_memory());
  keep(1, "x");
  EXPECT_TRUE(bytes(Json::parse(text(1))["req_body"]) == plain);
}

TEST_F(CapturesTest, AllIsForgottenWhileABodyIsReadFromDisk) {
  bodies.set_limit(0);
  fill_body(noise(100'000));
  ASSERT_FALSE(body->in_memory());
  keep(1, "x");
  body = nullptr;
  std::promise<void> go_on;
  worker.post([&go_on] { go_on.get_future().wait(); });
  const Directory directory(*config);
  const auto ask = [](Captures& all, Sight by) -> net::Awaitable<void> {
    co_await all.find(1, by);
  };
  bool done = false;
  testing::begin(loop, ask(*captures, {Caller(), directory}), done);
  loop.restart();
  loop.poll();  // to where the worker is needed
  captures->forget_all();
  keep(2, "y");
  go_on.set_value();
  loop.restart();
  while ((captures->packs() || !done) && loop.run_one() > 0) {
  }
  ASSERT_EQ(captures->buffer().size(), 1u) << "what came after it is packed";
  EXPECT_NE(find(2), nullptr);
}

TEST_F(CapturesTest, TheBufferIsBounded) {
  config->capture_buffer_mib = 1;
  captures->use(*config);
  const std::string answer = noise(300'000);
  for (int id = 1; id <= 5; ++id) {
    keep(id, answer);
    EXPECT_NE(find(id), nullptr);
  }
  for (const int id : {1, 2}) EXPECT_FALSE(captures->has(id)) << id;
  for (const int id : {3, 4, 5}) EXPECT_TRUE(captures->has(id)) << id;
  EXPECT_LE(captures->buffer().bytes(), 1u << 20);
  keep(6, noise(2 << 20));
  EXPECT_EQ(find(6), nullptr) << "it alone is too large";
  EXPECT_TRUE(captures->has(3)) << "and drives out nobody";
}

TEST_F(CapturesTest, AFloodIsLetGoOfTheOldestFirst) {
  constexpr std::int64_t kMost = Captures::kMaxWaiting;
  auto early = captures->begin(site());
  for (std::int64_t id = 1; id <= kMost + 1; ++id) keep(id, "x");
  EXPECT_FALSE(captures->has(1));
  EXPECT_TRUE(captures->has(2) && captures->has(kMost + 1));
  EXPECT_EQ(captures->begin(site()), nullptr) << "what would be let go of is not collected";
  early->goes_to("m", "/v1/chat/completions");
  early->answered({}, {});
  early->on_payload("x");
  captures->keep(kMost + 2, *early->finish(exchange.request()));
  EXPECT_FALSE(captures->has(2));
  EXPECT_TRUE(captures->has(3) && captures->has(kMost + 2));

  loop.restart();
  while (!captures->begin(site()) && captures->packs() && loop.run_one() > 0) {
  }
  EXPECT_LE(captures->buffer().size(), kMost / 2) << "it collects again before all is packed";
  EXPECT_NE(find(kMost + 2), nullptr);
  EXPECT_NE(find(3), nullptr);

  config->captures.max_item_mib = 1;
  captures->use(*config);
  const std::string half = noise(600'000);
  keep(2001, half);
  keep(2002, half);
  EXPECT_FALSE(captures->has(2001)) << "there is no room for both to wait";
  keep(2003, "x");
  EXPECT_TRUE(captures->has(2002) && captures->has(2003)) << "there is room for what comes next";
  EXPECT_NE(find(2002), nullptr);
  EXPECT_NE(find(2003), nullptr);
}

TEST_F(CapturesTest, PackedWithoutBeingAskedFor) {
  keep(1, "x");
  loop.restart();
  while (captures->packs() && loop.run_one() > 0) {
  }
  EXPECT_EQ(captures->memory().used, 0u);
  EXPECT_EQ(captures->buffer().size(), 1u);
}

TEST_F(CapturesTest, OtherSettings) {
  keep(1, noise(600'000));
  keep(2, noise(600'000));
  captures->use(*config);
  ASSERT_TRUE(find(1) && find(2)) << "nothing has changed";
  config->capture_buffer_mib = 1;
  captures->use(*config);
  EXPECT_FALSE(captures->has(1));
  EXPECT_TRUE(captures->has(2));
  config->captures.redact = {"X-More"};
  captures->use(*config);
  EXPECT_FALSE(captures->has(2)) << "it shows what must not be shown now";
  keep(3, "x");
  ASSERT_TRUE(find(3));
  config->captures.enabled = false;
  captures->use(*config);
  EXPECT_FALSE(captures->has(3));
  EXPECT_EQ(captures->begin(site()), nullptr);
  config->captures.enabled = true;
  config->capture_buffer_mib = -1;
  captures->use(*config);
  EXPECT_EQ(captures->begin(site()), nullptr);
}

TEST_F(CapturesTest, OtherSettingsWhileARequestRuns) {
  for (const bool other_headers : {true, false}) {
    auto running = captures->begin(site());
    running->goes_to("m", "/v1/chat/completions");
    running->answered({}, {});
    running->on_payload("x");
    config = std::make_shared<config::Config>(*config);
    if (other_headers) config->captures.redact.emplace_back("X-A");
    if (!other_headers) config->captures.models = {"other"};
    captures->use(*config);
    captures->keep(1, *running->finish(exchange.request()));
    EXPECT_FALSE(captures->has(1)) << other_headers;
  }
}

TEST_F(CapturesTest, OfTheModelsThatAKeyOpens) {
  keep(1, "x");
  config::NamedKey key;
  key.models = {"other"};
  EXPECT_EQ(find(1, Caller(key)), nullptr);
  key.models = {"m"};
  EXPECT_NE(find(1, Caller(key)), nullptr);
}

TEST_F(CapturesTest, OtherIds) {
  keep(1, "old, in work");
  keep(2, "old, waiting");
  captures->forget_all();
  EXPECT_FALSE(captures->has(1) || captures->has(2));
  keep(2, "new");
  EXPECT_EQ(bytes(Json::parse(text(2))["resp_body"]), "new");
  EXPECT_EQ(find(1), nullptr);
}

TEST(RecordBody, AnotherNameInTheSamePlaces) {
  const net::Splices sent{{9, 5, "\"peer\""}, {20, 1, ",\"y\":2"}, {40, 5, "\"peer\""}};
  const net::Splices names{{9, 5, "\"hub/peer\""}, {40, 5, "\"hub/peer\""}};
  const net::Splices want{{9, 5, "\"hub/peer\""}, {20, 1, ",\"y\":2"}, {40, 5, "\"hub/peer\""}};
  EXPECT_EQ(with_other_name(sent, names), want);
  EXPECT_EQ(with_other_name(sent, {}), sent);
  EXPECT_EQ(with_other_name({}, names), net::Splices{});
}

}  // namespace
}  // namespace llama_swap::server
