// Who may ask the server for what: keys, and pages of other origins.
#include "server/server_fixture.h"

namespace llama_swap::server {
namespace {

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

}  // namespace
}  // namespace llama_swap::server
