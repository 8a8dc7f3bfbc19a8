// The whole server on an exchange in memory, with the real actor and a launcher that starts
// nothing.
#include "server/server.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "server/answer.h"
#include "server/testing.h"
#include "util/timestamp.h"

namespace llama_swap::server {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

// Instances that do what `outcome` says right after the launch, and go when they are told to.
class FakeLauncher final : public process::Launcher {
 public:
  explicit FakeLauncher(net::Loop& loop) : loop_(loop) {}
  enum class Outcome { ready, failed, none } outcome = Outcome::none;
  int launched = 0;

  std::unique_ptr<process::Instance> launch(process::LaunchSpec,
                                            process::InstanceEvents& events) override {
    ++launched;
    boost::asio::post(loop_, [this, &events] {
      if (outcome == Outcome::ready) events.on_ready();
      if (outcome != Outcome::failed) return;
      events.on_failed({util::Errc::internal, "upstream command exited prematurely"});
      events.on_gone();
    });
    return std::make_unique<FakeInstance>(loop_, events);
  }

 private:
  struct FakeInstance final : process::Instance {
    FakeInstance(net::Loop& l, process::InstanceEvents& e) : loop(l), events(e) {}
    void stop(std::chrono::milliseconds) override {
      if (std::exchange(stopped, true)) return;
      boost::asio::post(loop, [this] { events.on_gone(); });
    }
    pid_t pid() const override { return 1; }
    net::Loop& loop;
    process::InstanceEvents& events;
    bool stopped = false;
  };
  net::Loop& loop_;
};

std::shared_ptr<config::Config> example() {
  auto config = std::make_shared<config::Config>();
  for (const char* id : {"m1", "author", "author/model", "comfyui_auto"}) {
    config::Model& model = testing::add_model(*config, id);
    model.cmd = "server";
    model.proxy = "http://127.0.0.1:1";
    model.send_loading_state = true;
    model.ignore_websockets = model.id == "comfyui_auto";
  }
  config->models["m1"].aliases = {"nick"};
  config->aliases["nick"] = "m1";
  testing::add_peer(*config, "p", {"remote"}).proxy = "http://127.0.0.1:1";
  config->profiles["coding"] = {"coding", "Coding", {{"public", "m1"}, {"off", ""}}};
  config::Group group;
  group.id = "(default)";
  for (const auto& [id, model] : config->models) group.members.push_back(id);
  config->groups.push_back(group);
  config->ignore_paths = {R"(.*\.(js|css)$)"};
  return config;
}

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

struct ServerTest : ::testing::Test {
  net::Loop loop;
  net::TimerWheel wheel{loop};
  net::Worker worker{loop};
  net::BodyMemory memory{1 << 20};
  observe::LogHub log{config::LogTarget::proxy, nullptr};
  observe::EventBus events;
  FakeLauncher launcher{loop};
  std::shared_ptr<config::Config> config = example();
  std::unique_ptr<swap::Actor> actor;
  std::unique_ptr<observe::Performance> performance;
  std::string hardware;
  std::unique_ptr<Server> server;

  void SetUp() override { start(); }
  void TearDown() override { worker.join(); }

  void start() {
    swap::Actor::Hooks hooks;
    hooks.log = [this](config::LogLevel level, const std::string& model, const std::string& text) {
      log.log(level, text, {{}, model, {}, {}});
    };
    hooks.output = [](const std::string&, std::string_view) {};
    hooks.news = [this](const swap::News& news) { server->tell(news); };
    server.reset();
    actor = std::make_unique<swap::Actor>(loop, wheel, launcher, config, std::move(hooks));
    Deps deps{loop, wheel, memory, worker, *actor, log, events, {}};
    deps.performance = performance.get();
    deps.hardware = &hardware;
    server = std::make_unique<Server>(std::move(deps), config);
  }
  void ask(testing::FakeExchange& exchange) { testing::run(loop, server->handle(exchange)); }

  // "<status> <body>" or, for a redirect, "<status> -> <location>".
  std::string answer(const std::string& method, const std::string& target, Fields headers = {},
                     const std::string& body = "") {
    testing::FakeExchange exchange(method, target, std::move(headers), body);
    ask(exchange);
    const std::string location = exchange.header("Location");
    return std::to_string(exchange.status()) + " " +
           (location.empty() ? exchange.answer : "-> " + location);
  }
  // "<status> <message of the envelope>"
  std::string error(const std::string& method, const std::string& target, Fields headers = {},
                    const std::string& body = "") {
    testing::FakeExchange exchange(method, target, std::move(headers), body);
    ask(exchange);
    const Json envelope = Json::parse(exchange.answer, nullptr, false);
    const bool ours = envelope.is_object() && envelope.value("src", "") == "llama-swap";
    return std::to_string(exchange.status()) + " " +
           (ours ? envelope["error"]["message"].get<std::string>() : "?" + exchange.answer);
  }
  std::string chat(const std::string& body) {
    return error("POST", "/v1/chat/completions", {{"Content-Type", "application/json"}}, body);
  }
};

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

TEST_F(ServerTest, PreflightReachesNothing) {
  config->api_keys = {"secret"};
  start();
  testing::FakeExchange exchange("OPTIONS", "/upstream/m1/x");
  ask(exchange);
  EXPECT_EQ(exchange.status(), 204);
  EXPECT_EQ(launcher.launched, 0);
}

TEST_F(ServerTest, RolesOfKeys) {
  config::NamedKey anna;
  anna.name = "anna";
  anna.digest = util::sha256("anna-key");
  anna.models = {"m1"};
  config->named_keys = {anna};
  start();
  const Fields shown{{"x-api-key", "anna-key"}};
  EXPECT_EQ(error("GET", "/running"), "401 unauthorized: invalid or missing API key");
  EXPECT_EQ(error("GET", "/running", shown), "403 this needs a key with the role operator");
  EXPECT_EQ(error("GET", "/api/captures/1", shown), "403 this needs a key with the role admin");
  EXPECT_EQ(error("GET", "/upstream/m1/slots", shown), "403 this key opens model endpoints only");
  EXPECT_EQ(error("GET", "/upstream/author/slots", shown), "404 model not found");
  EXPECT_EQ(error("GET", "/props?model=author", shown), "404 no router for requested model");
  EXPECT_EQ(launcher.launched, 0);
  testing::FakeExchange list("GET", "/v1/models", shown);
  ask(list);
  EXPECT_EQ(Json::parse(list.answer)["data"].size(), 1u);
}

TEST_F(ServerTest, AKeyThatMayNotSwap) {
  config::NamedKey guest;
  guest.digest = util::sha256("guest-key");
  guest.may_swap = false;
  config->named_keys = {guest};
  start();
  const swap::Admission busy = actor->admit("author");
  testing::FakeExchange exchange("GET", "/props?model=m1", {{"x-api-key", "guest-key"}});
  ask(exchange);
  EXPECT_EQ(exchange.status(), 409);
  EXPECT_EQ(exchange.header("Retry-After"), "30");
}

TEST_F(ServerTest, PagesOfOtherOrigins) {
  config->allowed_origins = {"https://trusted.example"};
  start();
  const Fields evil{{"Host", "10.0.0.1:8080"},
                    {"User-Agent", "Mozilla/5.0"},
                    {"Accept-Language", "en"},
                    {"Origin", "http://evil.example"}};
  EXPECT_EQ(error("GET", "/running", evil).substr(0, 3), "403");
  EXPECT_EQ(error("GET", "/v1/models", evil).substr(0, 3), "200");
  testing::FakeExchange trusted("GET", "/running", {{"Origin", "https://trusted.example"}});
  ask(trusted);
  EXPECT_EQ(trusted.status(), 200);
  EXPECT_EQ(trusted.header("Access-Control-Allow-Origin"), "https://trusted.example");
  EXPECT_EQ(trusted.header("Vary"), "Origin");
  for (const auto& [path, allowed] :
       {std::pair("/running", ""), std::pair("/props", "*"), std::pair("/upstream/m1/props", "*"),
        std::pair("/upstream/m1/slots", "")}) {
    Fields asked = evil;
    asked.emplace_back("Access-Control-Request-Method", "GET");
    testing::FakeExchange preflight("OPTIONS", path, asked);
    ask(preflight);
    EXPECT_EQ(preflight.status(), 204);
    EXPECT_EQ(preflight.header("Access-Control-Allow-Origin"), allowed) << path;
  }
}

TEST_F(ServerTest, ApiKey) {
  config->api_keys = {"secret"};
  start();
  for (const char* open :
       {"/health", "/wol-health", "/", "/upstream", "/favicon.ico", "/ui", "/nope"})
    EXPECT_EQ(answer("GET", open).substr(0, 3) == "401", false) << open;
  for (const char* closed : {"/ui/", "/metrics", "/logs", "/api/events", "/running", "/unload",
                             "/comfyui/", "/upstream/m1/", "/v1/models"})
    EXPECT_EQ(error("GET", closed), "401 unauthorized: invalid or missing API key") << closed;
  testing::FakeExchange exchange("GET", "/running");
  ask(exchange);
  EXPECT_EQ(exchange.header("WWW-Authenticate"), "Basic realm=\"llama-swap\"");
  EXPECT_EQ(answer("GET", "/running", {{"Authorization", "Bearer secret"}}),
            "200 {\"running\":[]}\n");
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
