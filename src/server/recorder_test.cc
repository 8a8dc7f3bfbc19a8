// What becomes of a request in the record, as its recorder and the routes see it.
#include "server/recorder.h"

#include <gtest/gtest.h>

#include <functional>

#include "server/answer.h"
#include "server/core_fixture.h"
#include "server/errors.h"
#include "server/testing.h"

namespace llama_swap::server {
namespace {

net::Awaitable<void> keep(net::Awaitable<util::Result<store::Page>> question, store::Page& page) {
  auto answer = co_await question;
  EXPECT_TRUE(answer.has_value());
  if (answer) page = std::move(*answer);
}

net::Awaitable<void> open(store::ActivityStore& store) {
  const auto opened = co_await store.start();
  EXPECT_TRUE(opened.has_value());
}

struct RecorderTest : ::testing::Test, testing::CoreFixture {
  testing::FakeExchange exchange{
      "POST", "/v1/chat/completions", {{"X-Session-ID", " "}, {"X-Litellm-Session-Id", " s-1 "}}};
  Measure measure;
  std::unique_ptr<Recorder> recorder;

  void SetUp() override {
    testing::add_model(*config, "m1");
    config->scheduling.priority["m1"] = 7;
    make_core();
    core->activity = std::make_shared<store::ActivityStore>(loop, store::StoreOptions{});
    testing::run(loop, open(*core->activity));
    recorder = std::make_unique<Recorder>(*core, core->site, exchange, "alice", measure);
  }
  void TearDown() override {
    while (core->captures->packs() && loop.run_one() > 0) {
    }
    testing::run(loop, core->activity->close(util::seconds(5)));
  }

  std::shared_ptr<net::Body> body(std::string_view text) {
    auto out = std::make_shared<net::Body>(memory, worker);
    text.copy(out->prepare(text.size()).data(), text.size());
    const auto fill = [](net::Body& into, std::size_t size) -> net::Awaitable<void> {
      const auto kept = co_await into.commit(size);
      EXPECT_TRUE(kept.has_value());
    };
    testing::run(loop, fill(*out, text.size()));
    return out;
  }
  void goes_to_m1() { recorder->goes_to({"m1", "/v1/chat/completions", "", true}); }
  void answered(int status, std::string_view type, std::string_view body) {
    net::ResponseHead head;
    head.status = status;
    head.headers = {{"Content-Type", type}};
    measure.answered();
    recorder->answered(head, {});
    recorder->on_payload(body);
  }
  void relayed(relay::Outcome::Kind kind) {
    relay::Outcome outcome;
    outcome.kind = kind;
    recorder->relayed(outcome);
  }
  // Ends the request.
  std::vector<store::Activity> rows() {
    recorder.reset();
    store::Page page;
    testing::run(loop, keep(core->activity->list({}), page));
    return page.rows;
  }
  store::Activity row() {
    const auto all = rows();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? store::Activity() : all.front();
  }
};

TEST_F(RecorderTest, Success) {
  exchange.set_request_id("r-1");
  goes_to_m1();
  recorder->received(body("{\"model\":\"m1\"...."));
  measure.enter(Measure::Stage::queued);
  measure.enter(Measure::Stage::loading);
  measure.enter(Measure::Stage::asking);
  answered(200, "application/json",
           R"({"usage":{"prompt_tokens":14,"completion_tokens":5},)"
           R"("timings":{"prompt_n":14,"predicted_n":5,"predicted_ms":123456,"prompt_ms":0,)"
           R"("prompt_per_second":1.5,"predicted_per_second":2.5}})");
  relayed(relay::Outcome::complete);
  const store::Activity got = row();
  EXPECT_EQ(got.id, 1);
  EXPECT_EQ(got.model, "m1");
  EXPECT_EQ(got.path, "/v1/chat/completions");
  EXPECT_EQ(got.content_type, "application/json");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.metadata_json, R"({"fifo_priority":"7"})");
  EXPECT_EQ(got.tokens.input, 14);
  EXPECT_EQ(got.tokens.output, 5);
  EXPECT_EQ(got.tokens.cached, -1);
  EXPECT_EQ(got.tokens.output_per_second, 2.5);
  EXPECT_EQ(got.duration.count(), 123456) << "no shorter than what the server says";
  EXPECT_EQ(got.key, "alice");
  EXPECT_EQ(got.client, "192.0.2.7");
  EXPECT_EQ(got.session, "s-1") << "a blank one does not count";
  EXPECT_EQ(got.bytes_in, 17);
  EXPECT_EQ(got.request_id, "r-1");
  EXPECT_EQ(got.ending, store::Ending::complete);
  EXPECT_TRUE(got.phases.queue && got.phases.load && got.phases.first_byte);
  EXPECT_TRUE(got.started);
}

TEST_F(RecorderTest, PhasesAndThePromptAsTheServerTells) {
  goes_to_m1();
  recorder->caused_swap();
  measure.enter(Measure::Stage::asking);
  answered(200, "application/json",
           R"({"timings":{"prompt_n":14,"cache_n":100,"prompt_ms":12.5,"predicted_ms":345}})");
  const store::Activity got = row();
  EXPECT_EQ(got.prompt_tokens, 114);
  EXPECT_EQ(got.phases.prefill, util::milliseconds(12));
  EXPECT_EQ(got.phases.decode, util::milliseconds(345));
  EXPECT_TRUE(got.swap_caused);
}

TEST_F(RecorderTest, PhasesOfAStreamThatTellsNothing) {
  goes_to_m1();
  measure.enter(Measure::Stage::asking);
  answered(200, "text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n");
  const store::Activity got = row();
  EXPECT_FALSE(got.prompt_tokens);
  EXPECT_TRUE(got.phases.prefill);
  EXPECT_EQ(got.phases.decode, util::milliseconds(0)) << "one token";
  EXPECT_FALSE(got.swap_caused);
}

TEST_F(RecorderTest, NoPhasesOfADocumentThatTellsNothing) {
  goes_to_m1();
  measure.enter(Measure::Stage::asking);
  answered(200, "application/json", "{}");
  const store::Activity got = row();
  EXPECT_FALSE(got.phases.prefill);
  EXPECT_FALSE(got.phases.decode);
}

TEST_F(RecorderTest, NamesThatNobodyHasAreBounded) {
  for (std::size_t i = 0; i < UnknownNames::kMax; ++i)
    EXPECT_TRUE(core->unknown_names.remember("n" + std::to_string(i)));
  const auto record = [&](const char* name) {
    recorder = std::make_unique<Recorder>(*core, core->site, exchange, "", measure);
    recorder->goes_to({name, "/v1/chat/completions", "", false});
    return rows().front();
  };
  EXPECT_EQ(record("n7").model, "n7") << "remembered";
  const store::Activity other = record("one \"more\"");
  EXPECT_EQ(other.model, "(unknown)");
  EXPECT_EQ(other.metadata_json, R"({"requested":"one \"more\""})");
}

TEST_F(RecorderTest, NothingToRecordWithoutAModel) {
  EXPECT_TRUE(rows().empty());
}

TEST_F(RecorderTest, OnlyPostsAndOnlyIfWanted) {
  testing::FakeExchange get("GET", "/props");
  Call call{get, *core, core->site, Caller(), "", ""};
  About about;
  call.about = &about;
  EXPECT_EQ(make_recorder(call), nullptr);
  Call post{exchange, *core, core->site, Caller(), "", ""};
  post.about = &about;
  EXPECT_NE(make_recorder(post), nullptr);
  auto off = std::make_shared<config::Config>(*config);
  off->record_activity = false;
  core->reconfigure(off);
  Call unwanted{exchange, *core, core->site, Caller(), "", ""};
  unwanted.about = &about;
  EXPECT_EQ(make_recorder(unwanted), nullptr);
}

TEST_F(RecorderTest, HowItEnds) {
  using store::Ending;
  const struct {
    const char* what;
    std::function<void(RecorderTest&)> happens;
    int status;
    const char* error;
    Ending ending;
  } cases[] = {
      {"any 2xx is a success",
       [](RecorderTest& t) {
         t.answered(201, "application/json", "{}");
         t.relayed(relay::Outcome::complete);
       },
       201, "", Ending::complete},
      {"the upstream's error",
       [](RecorderTest& t) {
         t.answered(500, "application/json", R"({"error":{"message":"no room"}})");
         t.relayed(relay::Outcome::complete);
       },
       500, "no room", Ending::complete},
      {"ours",
       [](RecorderTest& t) { t.recorder->failed(Problem(429, "Too many requests"), kJson); }, 429,
       "Too many requests", Ending::complete},
      {"the upstream goes away",
       [](RecorderTest& t) {
         t.answered(200, "text/event-stream", "data: {}\n\n");
         t.relayed(relay::Outcome::broke_off);
       },
       200, "the response broke off", Ending::truncated},
      {"the client goes away",
       [](RecorderTest& t) {
         t.answered(200, "text/event-stream", "data: {}\n\n");
         t.relayed(relay::Outcome::client_gone);
       },
       200, "the request was cancelled", Ending::cancelled},
      {"cancelled while it waited",
       [](RecorderTest& t) {
         t.recorder->cancelled();
         t.recorder->failed(Problem(503, "request was cancelled"), kJson);
       },
       503, "request was cancelled", Ending::cancelled},
      {"a broken invariant", [](RecorderTest&) {}, 500, "500 Internal Server Error",
       Ending::complete},
      {"left while it waited", [](RecorderTest& t) { t.exchange.leave(); }, 499,
       "the client left before it was answered", Ending::cancelled},
  };
  std::size_t n = 0;
  for (const auto& one : cases) {
    SCOPED_TRACE(one.what);
    recorder = std::make_unique<Recorder>(*core, core->site, exchange, "", measure);
    goes_to_m1();
    one.happens(*this);
    const auto all = rows();
    ASSERT_EQ(all.size(), ++n);
    EXPECT_EQ(all.front().status, one.status);
    EXPECT_EQ(all.front().error, one.error);
    EXPECT_EQ(all.front().ending, one.ending);
  }
}

TEST_F(RecorderTest, LongTextsAreCut) {
  const std::string letters = std::string(255, 'x') + "äöü";
  recorder->goes_to({letters, "/v1/chat/completions", "sel", false});
  recorder->failed(Problem(404, std::string(1000, 'e')), kJson);
  const store::Activity got = row();
  EXPECT_EQ(got.model, std::string(255, 'x') + "...");
  EXPECT_EQ(got.error, std::string(500, 'e') + "...");
  EXPECT_EQ(got.metadata_json, R"({"selector":"sel"})");
}

// The routes that show it.
struct ActivityRoutes : RecorderTest {
  std::string ask(const std::string& target) {
    const auto routes = activity_routes();
    const std::string path = target.substr(0, target.find('?'));
    for (const Route& route : routes) {
      if (route.pattern != path) continue;
      testing::FakeExchange asking("GET", target);
      Call call{asking, *core, core->site, Caller(), "", ""};
      testing::run(loop, route.endpoint(call));
      return std::to_string(asking.status()) + " " + asking.answer;
    }
    return "no route";
  }
};

TEST_F(ActivityRoutes, NothingYet) {
  EXPECT_EQ(ask("/api/metrics/activity"),
            "200 {\"data\":[],\"page\":1,\"limit\":25,\"total\":0,\"total_pages\":0}\n");
  EXPECT_EQ(ask("/api/metrics/stats"),
            "200 {\"total_requests\":0,\"total_input_tokens\":0,\"total_output_tokens\":0,"
            "\"total_cache_tokens\":0,\"prompt_histogram\":null,\"gen_histogram\":null}\n");
}

TEST_F(ActivityRoutes, FiguresOfOneModel) {
  const std::string model = "a-name-that-does-not-fit-into-the-string-itself-but-is-somewhere-else";
  recorder->goes_to({model, "/v1/chat/completions"});
  recorder->failed(Problem(404, "no router for requested model"), kJson);
  recorder.reset();
  const auto requests = [this](const std::string& of) {
    return Json::parse(ask("/api/metrics/stats?model=" + of).substr(4))["total_requests"];
  };
  EXPECT_EQ(requests(model), 1);
  EXPECT_EQ(requests("%20" + model + "%20"), 1);
  EXPECT_EQ(requests("%20"), 1) << "of all";
  EXPECT_EQ(requests("other"), 0);
}

TEST_F(ActivityRoutes, ListAndExport) {
  goes_to_m1();
  recorder->failed(Problem(429, "Too many requests"), kJson);
  recorder.reset();
  const Json page = Json::parse(ask("/api/metrics/activity?model=m1&limit=1").substr(4));
  ASSERT_EQ(page["data"].size(), 1u);
  EXPECT_EQ(page["total_pages"], 1);
  const Json& row = page["data"][0];
  EXPECT_EQ(row["id"], 1);
  EXPECT_EQ(row["resp_status_code"], 429);
  EXPECT_EQ(row["error_msg"], "Too many requests");
  EXPECT_EQ(row["has_capture"], true);
  EXPECT_EQ(row["metadata"]["fifo_priority"], "7");
  const std::string lines = ask("/api/metrics/activity/export?format=jsonl");
  EXPECT_EQ(Json::parse(lines.substr(4))["id"], 1);
  EXPECT_NE(ask("/api/metrics/activity/export?format=md").find("| 429 |"), std::string::npos);
  EXPECT_EQ(ask("/api/metrics/activity/export?model=other&format=jsonl"), "200 ");
}

TEST_F(ActivityRoutes, Captures) {
  goes_to_m1();
  recorder->received(body("{}"));
  recorder->sends({{1, 0, "\"a\":1"}});
  answered(200, "text/plain", "hi");
  recorder.reset();
  recorder = std::make_unique<Recorder>(*core, core->site, exchange, "", measure);
  goes_to_m1();
  answered(200, "text/plain", "");
  recorder.reset();
  config->captures.models = {"other"};
  recorder = std::make_unique<Recorder>(*core, core->site, exchange, "", measure);
  goes_to_m1();
  answered(200, "text/plain", "hi");
  recorder.reset();
  const Json page = Json::parse(ask("/api/metrics/activity?order=asc").substr(4));
  ASSERT_EQ(page["data"].size(), 3u);
  EXPECT_EQ(page["data"][0]["has_capture"], true);
  EXPECT_EQ(page["data"][1]["has_capture"], false) << "a 200 without a body";
  EXPECT_EQ(page["data"][2]["has_capture"], false) << "not this model";

  const auto capture = [this](std::string id) {
    testing::FakeExchange asking("GET", "/api/captures/" + id);
    Call call{asking, *core, core->site, Caller(), std::move(id), ""};
    const Route route = capture_routes().at(0);
    testing::run(loop, route.endpoint(call));
    return std::to_string(asking.status()) + " " + asking.answer;
  };
  const std::string got = capture("1");
  EXPECT_EQ(got.substr(0, 54), R"(200 {"id":1,"req_path":"/v1/chat/completions","req_hea)");
  EXPECT_EQ(Json::parse(got.substr(4))["req_body"], "eyJhIjoxfQ==");
  EXPECT_EQ(capture("+1").substr(0, 11), "200 {\"id\":1");
  for (const char* id : {"2", "3", "-1", "0"}) EXPECT_EQ(capture(id).substr(0, 3), "404") << id;
  for (const char* id : {"", "x", "1x", "1.0", " 1", "+", "+-1", "--1", "99999999999999999999"})
    EXPECT_EQ(capture(id).substr(0, 3), "400") << id;
}

TEST_F(ActivityRoutes, Refusals) {
  const auto message = [this](const std::string& target) {
    const std::string answer = ask(target);
    return answer.substr(0, 4) +
           Json::parse(answer.substr(4))["error"]["message"].get<std::string>();
  };
  EXPECT_EQ(message("/api/metrics/activity?limit=0"), "400 limit must be between 1 and 999");
  EXPECT_EQ(message("/api/metrics/activity/export?order=up"), "400 order must be asc or desc");
  EXPECT_EQ(message("/api/metrics/activity/export?format=xml"),
            "400 format must be csv, jsonl or md");
  const auto store = std::exchange(core->activity, nullptr);
  EXPECT_EQ(message("/api/metrics/activity"), "503 the activity database is closed");
  EXPECT_EQ(message("/api/metrics/stats"), "503 the activity database is closed");
  core->activity = store;
}

}  // namespace
}  // namespace llama_swap::server
