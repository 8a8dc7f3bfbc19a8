// What the server answers itself.
#include "server/server.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <set>

#include "server/answer.h"
#include "server/server_fixture.h"
#include "util/text.h"
#include "util/timestamp.h"

namespace llama_swap::server {
namespace {

TEST_F(ServerTest, PlainAnswers) {
  const struct {
    const char* method;
    const char* target;
    const char* want;
  } cases[] = {
      {"GET", "/health", "200 OK"},
      {"GET", "/wol-health", "200 OK"},
      {"GET", "/", "302 -> /ui"},
      {"GET", "/ui", "307 -> /ui/"},
      {"GET", "/ui/", "404 404 page not found\n"},
      {"GET", "/favicon.ico", "404 404 page not found\n"},
      {"GET", "/upstream", "302 -> /ui/models"},
      {"GET", "/nothing", "404 404 page not found\n"},
      {"GET", "/v1/models/m1", "404 404 page not found\n"},
      {"GET", "/v1//models?x=1", "307 -> /v1/models?x=1"},
      {"GET", "/.//\\evil", "307 -> /%5Cevil"},
      {"GET", "/v1/chat/completions", "405 Method Not Allowed\n"},
      {"POST", "/sdapi/v1/loras", "405 Method Not Allowed\n"},
      {"GET", "/running", "200 {\"running\":[]}\n"},
      {"GET", "/unload", "200 OK"},
      {"POST", "/api/models/unload", "200 {\"msg\":\"ok\"}\n"},
      {"POST", "/api/models/unload/nick", "200 OK"},
      {"POST", "/api/models/unload/author%2Fmodel", "200 OK"},
      {"POST", "/api/models/unload/author/model", "200 OK"},
      {"GET", "/api/version",
       "200 {\"version\":\"0\",\"commit\":\"abcd1234\",\"build_date\":\"unknown\"}\n"},
      {"GET", "/metrics", "503 # performance monitor not available\n"},
      {"GET", "/api/performance", "503 {\"enabled\":false}\n"},
      {"GET", "/upstream/m1", "301 -> /upstream/m1/"},
      {"POST", "/upstream/m1?x=1", "308 -> /upstream/m1/?x=1"},
      {"GET", "/upstream/author%2Fmodel", "301 -> /upstream/author/model/"},
      {"GET", "/comfyui?a=b", "301 -> /comfyui/?a=b"},
      {"PUT", "/comfyui", "308 -> /comfyui/"},
  };
  for (const auto& c : cases) EXPECT_EQ(answer(c.method, c.target), c.want) << c.target;
  EXPECT_EQ(launcher.launched, 0);
}

TEST_F(ServerTest, Machine) {
  EXPECT_EQ(error("GET", "/api/hardware"), "503 hardware detection unavailable");
  hardware = "{}";
  EXPECT_EQ(answer("GET", "/api/hardware"), "200 {}\n");

  performance = std::make_unique<observe::Performance>(std::chrono::seconds(5));
  start();
  EXPECT_EQ(answer("GET", "/metrics?families=machine"), "200 ");
  EXPECT_TRUE(answer("GET", "/metrics").starts_with("200 # HELP llamaswap_requests_total "));
  EXPECT_EQ(answer("GET", "/metrics?families=x"), "400 # families must be all, machine or own\n");
  EXPECT_EQ(answer("GET", "/api/performance"),
            "200 {\"enabled\":true,\"sys_stats\":[],\"gpu_stats\":[]}\n");
  observe::GpuSample sample;
  sample.at = *util::parse_rfc3339("2024-05-06T07:00:00Z");
  performance->add(sample);
  const struct {
    const char* after;
    bool there;
  } cases[] = {{"", true},
               {"2024-05-06T06:59:59.999Z", true},
               {"2024-05-06T07:00:00Z", false},
               {"2024-05-06T08:59:59%2B02:00", true},
               {"2024-05-06T09:00:00+02:00", false}};
  for (const auto& c : cases) {
    const std::string all = answer("GET", std::string("/api/performance?after=") + c.after);
    EXPECT_EQ(all.find("\"id\":0") != all.npos, c.there) << c.after << all;
  }
  EXPECT_EQ(error("GET", "/api/performance?after=now"),
            "400 invalid 'after' timestamp, use RFC3339 format");
}

TEST_F(ServerTest, MetricsOfAKeyThatOpensSomeModels) {
  config::NamedKey key;
  key.name = "some";
  key.digest = util::sha256("some");
  key.role = config::Role::operating;
  key.models = {"author*", "p/remote"};
  testing::add_peer(*config, "half", {"remote", "closed"}).proxy = "http://127.0.0.1:1";
  config->api_keys = {"all"};
  config->named_keys = {key};
  performance = std::make_unique<observe::Performance>(std::chrono::seconds(5));
  launcher.outcome = FakeLauncher::Outcome::failed;
  start();
  performance->add(observe::SystemSample{});
  for (const char* model : {"m1", "author", "p/remote", "half/remote", "nobody"})
    error("POST", "/v1/chat/completions",
          {{"x-api-key", "all"}, {"Content-Type", "application/json"}},
          R"({"model":")" + std::string(model) + R"("})");
  const Fields some{{"x-api-key", "some"}};
  const std::string text = answer("GET", "/metrics", some);
  std::set<std::string> models, others;
  for (const std::string_view line : util::split(text, '\n')) {
    if (line.empty() || line.find("# ") != line.npos) continue;
    const auto at = line.find("{model=\"");
    if (at == line.npos) {
      others.emplace(line.substr(0, line.find_first_of("{ ")));
    } else {
      const std::string_view value = line.substr(at + 8);
      models.emplace(value.substr(0, value.find('"')));
    }
  }
  EXPECT_EQ(models, (std::set<std::string>{"author", "author/model", "p"}));
  EXPECT_EQ(others, (std::set<std::string>{"llamaswap_build_info"}));
  EXPECT_EQ(answer("GET", "/metrics?families=own", some), text);
  const char* const refused = "403 this needs a key that opens all models";
  for (const char* whole : {"/metrics?families=machine", "/api/performance", "/api/metrics/store"})
    EXPECT_EQ(error("GET", whole, some), refused) << whole;
  const std::string all = answer("GET", "/metrics", {{"x-api-key", "all"}});
  for (const char* sample :
       {"llamaswap_memory_total_bytes", "model=\"m1\"", "model=\"half\"", "model=\"\"",
        "model=\"other\"", "llamaswap_queue_length 0", "llamaswap_open_streams 0"})
    EXPECT_NE(all.find(sample), all.npos) << sample;
}

TEST_F(ServerTest, Errors) {
  const struct {
    const char* method;
    const char* target;
    const char* want;
  } cases[] = {
      {"POST", "/upstream/", "404 model not found"},
      {"GET", "/upstream/nope/v1", "404 model not found"},
      {"GET", "/upstream/m1/app.js?x=1",
       "409 model m1 is not loaded; path matches upstream.ignorePaths"},
      {"GET", "/comfyui/x", "409 model comfyui_auto is not loaded; only /comfyui/ can start it"},
      {"POST", "/api/models/unload/nope", "404 model not found"},
      {"POST", "/api/models/unload/p/remote", "404 model not found"},
      {"POST", "/api/inflight/7/cancel", "404 inflight request not found"},
      {"GET", "/logs/stream/nope", "400 invalid logger. Use 'proxy', 'upstream' or a model's ID"},
      {"GET", "/logs/stream/p/remote",
       "400 invalid logger. Use 'proxy', 'upstream' or a model's ID"},
      {"GET", "/api/captures/x", "400 invalid capture ID"},
      {"GET", "/api/captures/1", "404 capture not found"},
      {"GET", "/api/hardware", "503 hardware detection unavailable"},
      {"GET", "/props", "404 no model id could be identified"},
      {"GET", "/props?model=nope", "404 no router for requested model"},
  };
  for (const auto& c : cases) EXPECT_EQ(error(c.method, c.target), c.want) << c.target;
  EXPECT_EQ(chat("{}"), "404 no model id could be identified");
  EXPECT_EQ(chat(R"({"model":"M1"})"), "404 no router for requested model");
  const Fields websocket{{"Connection", "Upgrade"}, {"Upgrade", "websocket"}};
  EXPECT_EQ(error("GET", "/comfyui/", websocket),
            "409 model comfyui_auto is not loaded; ignored websocket requests cannot start it");
  EXPECT_EQ(launcher.launched, 0);
}

TEST_F(ServerTest, ModelsEchoOrigin) {
  testing::FakeExchange exchange("GET", "/v1/models", {{"Origin", "http://example.com"}});
  ask(exchange);
  EXPECT_EQ(exchange.header("Access-Control-Allow-Origin"), "http://example.com");
  EXPECT_EQ(exchange.header("Content-Type"), "application/json");
  EXPECT_EQ(Json::parse(exchange.answer)["data"].size(), 5u);
}

TEST_F(ServerTest, AccessLog) {
  answer("GET", "/health%0A?x", {{"User-Agent", "t"}});
  answer("GET", "/wol-health");
  const std::string text = log.proxy().history();
  EXPECT_TRUE(
      text.starts_with("[INFO] Request 192.0.2.7 \"GET /health\\x0a HTTP/1.1\" 404 19 \"t\" "))
      << text;
  EXPECT_EQ(text.find("wol"), std::string::npos);
}

TEST_F(ServerTest, LogStream) {
  log.info("before");
  testing::FakeExchange exchange("GET", "/logs/stream/proxy");
  exchange.on_write = [&] {
    if (exchange.answer == "[INFO] before\n") log.info("during");
    if (exchange.answer.ends_with("during\n")) server->end_streams();
  };
  ask(exchange);
  EXPECT_EQ(exchange.answer, "[INFO] before\n[INFO] during\n");
  EXPECT_TRUE(exchange.finished);
  EXPECT_EQ(exchange.header("Content-Type"), "text/plain");

  testing::FakeExchange late("GET", "/logs/stream/m1/whatever?no-history");
  ask(late);  // ends at once: the server has ended its streams
  EXPECT_EQ(late.status(), 200);
  EXPECT_EQ(late.answer, "");
}

TEST_F(ServerTest, LogStreamEndsWithItsClient) {
  testing::FakeExchange exchange("GET", "/logs/stream/m1");
  exchange.on_write = [&] { boost::asio::post(loop, [&] { exchange.leave(); }); };
  ask(exchange);
  EXPECT_EQ(exchange.answer, "");
}

// The messages of an event stream: type and decoded data.
std::vector<std::pair<std::string, Json>> messages(std::string_view text) {
  std::vector<std::pair<std::string, Json>> out;
  while (!text.empty()) {
    constexpr std::string_view kPrefix = "event:message\ndata:";
    EXPECT_TRUE(text.starts_with(kPrefix));
    const auto end = text.find("\n\n");
    const Json envelope = Json::parse(text.substr(kPrefix.size(), end - kPrefix.size()));
    out.emplace_back(envelope["type"], Json::parse(envelope["data"].get<std::string>()));
    text.remove_prefix(end + 2);
  }
  return out;
}

TEST_F(ServerTest, EventStream) {
  launcher.outcome = FakeLauncher::Outcome::failed;
  testing::FakeExchange stream("GET", "/api/events");
  bool done = false;
  testing::begin(loop, server->handle(stream), done);
  while (!stream.responded()) loop.run_one();
  auto got = messages(stream.answer);
  ASSERT_EQ(got.size(), 6u);
  const char* types[] = {"logData",  "logData",        "modelStatus",
                         "uiConfig", "profileChanged", "inflight"};
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].first, types[i]);
  EXPECT_EQ(got[0].second, Json::parse(R"({"source":"proxy","data":""})"));
  EXPECT_EQ(got[1].second, Json::parse(R"({"source":"upstream","data":""})"));
  EXPECT_EQ(got[2].second.size(), 5u);
  EXPECT_EQ(got[3].second,
            Json::parse(R"({"activity":{"session_id":["X-Session-ID","X-Litellm-Session-Id"]}})"));
  EXPECT_EQ(got[4].second, Json::parse(R"({"active":null})"));
  EXPECT_EQ(got[5].second, Json::parse(R"({"operation":"snapshot"})"));

  stream.answer.clear();
  chat(R"({"model":"m1"})");
  EXPECT_EQ(answer("PUT", "/api/profiles/active", {}, R"({"name":"coding"})"),
            "200 {\"active\":\"coding\"}\n");
  EXPECT_EQ(error("PUT", "/api/profiles/active", {}, R"({"name":"x"})"),
            "404 profile \"x\" not found");
  server->end_streams();
  while (!done) loop.run_one();
  std::string operations, active;
  bool starting = false;
  for (const auto& [type, data] : messages(stream.answer)) {
    if (type == "inflight") operations += data["operation"].get<std::string>() + ";";
    if (type == "profileChanged") active += data["active"].get<std::string>();
    if (type == "modelStatus")
      for (const Json& model : data) starting = starting || model["state"] == "starting";
  }
  EXPECT_TRUE(operations.starts_with("upsert;") && operations.ends_with("remove;")) << operations;
  EXPECT_EQ(active, "coding");
  EXPECT_TRUE(starting);
}

TEST_F(ServerTest, Profiles) {
  EXPECT_EQ(answer("GET", "/api/profiles"),
            "200 {\"active\":null,\"profiles\":[{\"id\":\"coding\",\"description\":\"Coding\","
            "\"pins\":{\"public\":\"m1\",\"off\":\"\"}}]}\n");
  EXPECT_EQ(chat(R"({"model":"public"})"), "404 no router for requested model");
  answer("PUT", "/api/profiles/active", {}, R"({"name":"coding"})");
  EXPECT_EQ(chat(R"({"model":"off"})"), "404 no model id could be identified");
  EXPECT_EQ(error("GET", "/upstream/off/x"), "404 model not found");
  EXPECT_EQ(answer("GET", "/upstream/public?q"), "301 -> /upstream/m1/?q");
  EXPECT_EQ(error("GET", "/upstream/public/x.js"),
            "409 model m1 is not loaded; path matches upstream.ignorePaths");
  server->reconfigure(config);
  EXPECT_EQ(Json::parse(answer("GET", "/api/profiles").substr(4))["active"], Json());
}

}  // namespace
}  // namespace llama_swap::server
